"""Cases with an S3 server beside the program."""

import os
import subprocess
import unittest.mock

import dynamodb_local
import keepone
import s3_servers

BUCKET = "runs-of-keepone"


class S3Case(keepone.Case):
    """Cases with an S3 server; self.new_place() is a prefix of its own."""

    server_class = s3_servers.Moto

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.s3 = cls.server_class()
        cls.s3.make_bucket(BUCKET)

    @classmethod
    def tearDownClass(cls):
        cls.s3.stop()
        super().tearDownClass()

    def setUp(self):
        super().setUp()
        patch = unittest.mock.patch.dict(keepone.ENVIRONMENT, self.s3.environment())
        patch.start()
        self.addCleanup(patch.stop)

    def new_place(self):
        return f"s3://{BUCKET}/{self.id().rpartition('.')[2]}/{self.new_name('run')}"

    def key_of(self, place, name):
        return f"{place}/{name}"[len(f"s3://{BUCKET}/"):]

    def keys(self, place):
        """The names of the objects below a place."""
        prefix = self.key_of(place, "")
        return [key[len(prefix):] for key in self.s3.keys(BUCKET, prefix)]

    def download(self, place):
        """A local copy of what is below a place."""
        folder = self.new_run()
        for name in self.keys(place):
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as out:
                out.write(self.s3.get(BUCKET, self.key_of(place, name)))
        return folder

    def upload(self, folder, place):
        for parent, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(parent, name)
                with open(path, "rb") as content:
                    self.s3.put(BUCKET, self.key_of(place, os.path.relpath(path, folder)),
                                content.read())

    def start(self, *arguments):
        """Starts the program and does not wait for it."""
        environment = os.environ | keepone.ENVIRONMENT
        process = subprocess.Popen([keepone.PROGRAM, *map(str, arguments)], env=environment,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True,
                                   preexec_fn=dynamodb_local.die_with_parent)
        self.addCleanup(process.kill)
        return process
