"""Every request to S3 is signed as an independent signer signs; odd keys and wrong clocks, too."""

import os
import random
import subprocess
import unittest

import support  # noqa: F401
import keepone
import oracle
import s3_servers
import seed
import signature_proxy
from keepone import ALL, RULES

TRIAL = os.path.join(os.path.dirname(keepone.PROGRAM), "tests", "s3_trial")
BUCKET = "signed-bucket"
KEY_ID, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "FQoGZXIvYXdz/+=="
CREDENTIALS = {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET,
               "AWS_SESSION_TOKEN": TOKEN}
ODD_KEYS = ["a b+c&d=e;f,g", "%41\"'<x>", "\u00fc\u20ac\U0001f600", "..", "*(~)", "a//b", "x?y#z"]
MIB = 1 << 20


def at(key):
    return f"s3://{BUCKET}/{key}"


class Cases(keepone.ServerCase):
    """Everything goes through proxies that take right signatures alone."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.s3 = s3_servers.Moto()
        cls.s3.make_bucket(BUCKET)

    @classmethod
    def tearDownClass(cls):
        cls.s3.stop()
        super().tearDownClass()

    def witness(self, upstream, service, **how):
        proxy = signature_proxy.SignatureProxy(upstream, service, {KEY_ID: (SECRET, TOKEN)}, **how)
        self.addCleanup(proxy.stop)
        return proxy

    def trial(self, proxy, *lines):
        """Operations on the mount; returns their answers."""
        environment = os.environ | keepone.ENVIRONMENT | CREDENTIALS
        text = "".join("\t".join(line) + "\n" for line in lines)
        process = subprocess.run([TRIAL], input=text, text=True, capture_output=True, timeout=100,
                                 env=environment | {"AWS_ENDPOINT_URL_S3": proxy.endpoint})
        answers = process.stdout.splitlines()
        self.assertEqual(len(lines), len(answers), process.stderr)
        for answer in answers:
            self.assertTrue(answer.startswith("ok"), answers)
        return answers

    def test_every_request_of_the_mount_is_signed(self):
        proxy = self.witness(self.s3.endpoint, "s3")
        path = os.path.join(self.folder, "file")
        with open(path, "wb") as out:
            out.write(random.Random(1).randbytes(17 * MIB))
        self.trial(proxy, ("put", at("large"), path), ("get", at("large"), path + ".back"),
                   ("abandon", at("thrown"), path),
                   *(("replace", at("odd/" + key), key) for key in ODD_KEYS),
                   *(("stat", at("odd/" + key)) for key in ODD_KEYS),
                   *(("get", at("odd/" + key), "-") for key in ODD_KEYS),
                   ("create", at("new"), "text"), ("list", at("odd")), ("remove", at("new")),
                   ("remove_folder", at("odd")))
        for key in ODD_KEYS:
            self.assertNotIn("odd/" + key, self.s3.keys(BUCKET))
        stats = proxy.stats()
        self.assertEqual([], stats["wrong"])
        self.assertEqual({"PUT object", "GET object", "GET bucket list-type", "DELETE object",
                          "POST object uploads", "PUT object partNumber uploadId",
                          "POST object uploadId", "DELETE object uploadId"}, set(stats["kinds"]))

    def test_a_run_on_s3_is_signed_for_both_services(self):
        table = self.new_table(seed.traps(n_random=60, n_hot=10))
        items = self.db.scan_all(table)
        verdict = oracle.judge(items, RULES)
        witnesses = [self.witness(self.server.endpoint, "dynamodb"),
                     self.witness(self.s3.endpoint, "s3")]
        env = CREDENTIALS | {"AWS_ENDPOINT_URL_DYNAMODB": witnesses[0].endpoint,
                             "AWS_ENDPOINT_URL_S3": witnesses[1].endpoint}
        run = at("runs/1")
        self.run_ok("find", "--table", table, "--run", run, "--key", RULES["key"], "--keep",
                    RULES["keep"], "--same", RULES["same"], env=env, ranks=2)
        result = self.run_ok("apply", run, "--yes", "--json", *ALL, "--log-level", "debug", env=env,
                             ranks=2)
        planned = verdict["counts"]["planned"]
        self.check_ledger(result.json["ledger"], planned=planned, deleted=planned)
        self.check_table(table, keepone.survivors(items, verdict, RULES))
        objects = [self.s3.get(BUCKET, key) for key in self.s3.keys(BUCKET, "runs/1")]
        self.assertGreater(len(objects), 4)
        for proxy in witnesses:
            stats = proxy.stats()
            self.assertEqual([], stats["wrong"])
            for secret in (SECRET, TOKEN, *stats["signatures"]):
                self.assertNotIn(secret, result.out + result.err)
                for content in objects:
                    self.assertNotIn(secret.encode(), content)

    def test_a_clock_that_is_off_is_corrected(self):
        for skew in (1200, -1200):
            with self.subTest(skew=skew):
                proxy = self.witness(self.s3.endpoint, "s3", skew_seconds=skew)
                self.trial(proxy, *(("replace", at(f"late/{i}"), "text") for i in range(5)),
                           ("list", at("late")))
                stats = proxy.stats()
                self.assertEqual([], stats["wrong"])
                self.assertEqual(1, stats["skewed"], stats)


if __name__ == "__main__":
    unittest.main()
