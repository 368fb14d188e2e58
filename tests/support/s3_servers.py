"""S3 servers for tests: moto (honours conditions) and s3rver (real files), from scripts/setup.

    server = Moto()                       # started, ready, on a port the kernel chose
    server = S3rver()
    server.put("bucket", "key", b"...")   # makes the bucket, too
    server.get("bucket", "key"); server.keys("bucket"); server.delete("bucket", "key")
    server.environment()                  # what a client needs: endpoint, credentials, region
    server.stop()                         # or leave it: it never outlives this process

moto serves DynamoDB and STS on the same endpoint.  Neither checks signatures.
"""

import atexit
import glob
import hashlib
import hmac
import http.client
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
import xml.etree.ElementTree

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from dynamodb_local import die_with_parent, free_port  # noqa: E402

READY_SECONDS = 60
START_TRIES = 3
HERE = os.path.dirname(os.path.abspath(__file__))


def cache(name):
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(home, "keepone", name)


def python():
    """The Python that has moto and botocore."""
    with open(os.path.join(HERE, "requirements.txt"), "rb") as source:
        version = hashlib.sha256(source.read()).hexdigest()[:12]
    program = cache(f"python-{version}/bin/python3")
    if not os.path.exists(program):
        raise RuntimeError(f"no '{program}'; run scripts/setup")
    return program


def signature(method, path, headers, key_id, secret, region="us-east-1"):
    """The Authorization header of a request to S3; path with its query, both encoded."""
    day = headers["x-amz-date"][:8]
    names = ";".join(sorted(headers))
    address, _, query = path.partition("?")
    query = "&".join(sorted(part if "=" in part else part + "=" for part in query.split("&")
                            if part))
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers))
    text = "\n".join([method, address, query, lines, names, headers["x-amz-content-sha256"]])
    scope = f"{day}/{region}/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], scope,
                      hashlib.sha256(text.encode()).hexdigest()])
    key = ("AWS4" + secret).encode()
    for part in (day, region, "s3", "aws4_request", text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return (f"AWS4-HMAC-SHA256 Credential={key_id}/{scope}, SignedHeaders={names}, "
            f"Signature={key.hex()}")


class Server:
    """What the servers share; .endpoint, .port."""

    name = "a server"
    key_id = "S3RVER"  # s3rver knows this one and no other
    secret = "S3RVER"

    def __init__(self):
        atexit.register(self.stop)
        self.folder = tempfile.mkdtemp(prefix="keepone-s3-")
        self.log = tempfile.TemporaryFile()
        self.buckets = set()
        self.process = None
        for _ in range(START_TRIES):  # another program may take the port before the server does
            self.port = free_port()
            self.endpoint = f"http://127.0.0.1:{self.port}"
            self.process = subprocess.Popen(self.command(), cwd=self.folder, stdout=self.log,
                                            stdin=subprocess.DEVNULL, stderr=self.log,
                                            start_new_session=True, env=self.own_environment(),
                                            preexec_fn=die_with_parent)
            if self._is_ready():
                return
            self._end()
        self.log.seek(0)
        text = self.log.read().decode("utf-8", "replace")
        self.stop()
        raise RuntimeError(f"{self.name} did not start: {text[-2000:]}")

    def own_environment(self):
        return {name: text for name, text in os.environ.items() if not name.startswith("AWS_")}

    def _is_ready(self):
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            try:
                self.request("GET", "/")
                return self.process.poll() is None
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)
        return False

    def _end(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def stop(self):
        """Ends the server.  May be called again."""
        self._end()
        if not self.log.closed:
            self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def environment(self):
        return {"AWS_ENDPOINT_URL_S3": self.endpoint, "AWS_ACCESS_KEY_ID": self.key_id,
                "AWS_SECRET_ACCESS_KEY": self.secret, "AWS_REGION": "us-east-1",
                "AWS_EC2_METADATA_DISABLED": "true"}

    def request(self, method, path, body=None, headers=None):
        """(status, headers, body)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        signed = {"host": f"127.0.0.1:{self.port}",
                  "x-amz-date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
                  "x-amz-content-sha256": hashlib.sha256(body or b"").hexdigest()}
        signed["authorization"] = signature(method, path, signed, self.key_id, self.secret)
        try:
            connection.request(method, path, body, signed | (headers or {}))
            reply = connection.getresponse()
            return reply.status, dict(reply.getheaders()), reply.read()
        finally:
            connection.close()

    def _do(self, method, path, body=None, expected=(200, 204)):
        status, _, content = self.request(method, path, body)
        if status not in expected:
            raise RuntimeError(f"{self.name}: {method} {path}: {status} {content[:300]!r}")
        return content

    def make_bucket(self, bucket):
        if bucket not in self.buckets:
            self._do("PUT", "/" + bucket)
            self.buckets.add(bucket)

    def put(self, bucket, key, body):
        self.make_bucket(bucket)
        self._do("PUT", f"/{bucket}/{urllib.parse.quote(key)}", body)

    def get(self, bucket, key):
        return self._do("GET", f"/{bucket}/{urllib.parse.quote(key)}")

    def delete(self, bucket, key):
        self._do("DELETE", f"/{bucket}/{urllib.parse.quote(key)}")

    def keys(self, bucket, prefix=""):
        found, token = [], ""
        while True:
            query = {"list-type": "2", "prefix": prefix} | ({"continuation-token": token} if token
                                                            else {})
            page = self._do("GET", f"/{bucket}?{urllib.parse.urlencode(query)}").decode()
            tree = xml.etree.ElementTree.fromstring(re.sub(r' xmlns="[^"]*"', "", page, count=1))
            found += [key.text for key in tree.findall("Contents/Key")]
            token = tree.findtext("NextContinuationToken")
            if tree.findtext("IsTruncated") != "true":
                return found

    def uploads(self, bucket):
        """How many multipart uploads were begun and neither completed nor aborted."""
        return self._do("GET", f"/{bucket}?uploads").count(b"<UploadId>")


class Moto(Server):
    name = "moto"

    def command(self):
        return [python(), "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]

    def reset(self):
        self._do("POST", "/moto-api/reset")
        self.buckets.clear()


class S3rver(Server):
    name = "s3rver"

    def command(self):
        return ["node", cache("s3rver-3.7.1/node_modules/s3rver/bin/s3rver.js"), "-d", self.folder,
                "-a", "127.0.0.1", "-p", str(self.port), "--silent"]
