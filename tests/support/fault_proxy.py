#!/usr/bin/env python3
"""A proxy in front of DynamoDB Local that fails as the real service and the network between do.

In tests:      proxy = FaultProxy(server.endpoint, rules, seed=1)
               proxy.endpoint, proxy.stats(), proxy.stop()
As a process:  fault_proxy.py UPSTREAM [--rules FILE] [--seed N]
               prints its endpoint and serves until it is ended
Over HTTP:     GET /__stats;  POST /__rules with a JSON list: other rules from here on, counts at 0

A rule is a dict; the first rule that fires decides what happens to a request.

    op           an operation such as "Scan", or "*"
    fault        what to do, see FAULTS; without one the request passes (after the edits)
    edit         [[operation, body], ...]: sent to the table before the request goes on
    nth          [1, 3]: only these requests of the operation, counted from 1
    match        only requests with this text in their body
    probability  0..1, drawn from the seed; default 1
    times        fires at most this often
    share        of a batch that `partial` refuses, default 0.5; at least one, at most all
    code, reason                           for throttle; reason: see REASONS
    seconds, status, body, limit           for slow and skew, reply, short_page

A rule whose fault an operation cannot have (`partial` of a Scan) does not fire for it.
"""

import argparse
import calendar
import collections
import email.utils
import http.client
import json
import random
import signal
import socket
import socketserver
import struct
import sys
import threading
import time
import zlib

PREFIX = {"ThrottlingException": "com.amazon.coral.availability#",
          "InternalServerError": "com.amazon.coral.service#"}
THROTTLES = ("ProvisionedThroughputExceededException", "ThrottlingException",
             "RequestLimitExceeded")
# Why a call is throttled, and the errors that say so.
REASONS = {
    "Table": ("ProvisionedThroughputExceeded", ("ProvisionedThroughputExceededException",)),
    "KeyRange": ("KeyRangeThroughputExceeded", ("ProvisionedThroughputExceededException",
                                                "ThrottlingException")),
    "Account": ("AccountLimitExceeded", ("RequestLimitExceeded", "ThrottlingException")),
    "MaxOnDemand": ("MaxOnDemandThroughputExceeded", ("ThrottlingException",)),
}
READS = ("Scan", "Query", "GetItem", "BatchGetItem", "TransactGetItems")
SKEW_SECONDS = 300  # between the clocks that the service tolerates
STATEMENT_ERRORS = ("ThrottlingError", "InternalServerError", "ProvisionedThroughputExceeded",
                    "RequestLimitExceeded")
FORWARDED = ("content-type", "x-amz-target", "x-amz-date", "authorization", "x-amz-security-token")

FAULTS = {
    "throttle": "refuse the call: a throttling error, `code`, one for `reason`, or one in turn",
    "partial": "do a part of a batch and refuse the rest as the operation does",
    "error_before": "500 without doing it",
    "error_after": "500 although it was done",
    "html": "503 with a page of HTML, not done",
    "drop_before": "close the connection, not done",
    "drop_after": "close the connection, done: the reply is lost",
    "reset_before": "reset the connection, not done",
    "reset_after": "reset the connection, done: the reply is lost",
    "expired": "400 ExpiredTokenException, not done",
    "skew": "refuse a request that is not dated `seconds` ahead of this machine's clock",
    "cut_after": "close the connection in the middle of the reply, done",
    "crc": "the reply with an x-amz-crc32 that does not fit, done",
    "slow": "wait `seconds` first",
    "short_page": "at most `limit` items read per page of a Scan",
    "reply": "answer `status` and `body` as given, not done",
    "table_id": "DescribeTable with a TableId, as the real service has it",
}


class Drop(Exception):
    """Ends a client's connection; .reply is what it still gets, unless it is reset."""

    def __init__(self, reply=b"", is_reset=False):
        super().__init__()
        self.reply = reply
        self.is_reset = is_reset


class FaultProxy:
    """Serves in threads of this process until stop()."""

    def __init__(self, upstream, rules=(), seed=1):
        self.upstream = upstream.removeprefix("http://").rstrip("/")
        self.lock = threading.Lock()
        self.set_rules(rules, seed)
        self.server = _Server(("127.0.0.1", 0), _Handler)
        self.server.proxy = self
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def set_rules(self, rules, seed=1):
        for rule in rules:
            if rule.get("fault", "slow") not in FAULTS or "op" not in rule:
                raise ValueError(f"not a rule: {rule}")
        with self.lock:
            self.rules = [dict(rule) for rule in rules]
            self.fired = [0] * len(self.rules)
            self.rng = random.Random(seed)
            self.requests = collections.Counter()
            self.faults = collections.Counter()
            self.n_edits = 0

    def stats(self):
        with self.lock:
            return {"requests": dict(self.requests), "faults": dict(self.faults),
                    "edits": self.n_edits}

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def choose(self, operation, body, headers):
        """The rule that fires for this request or {}, and a random number for it."""
        with self.lock:
            self.requests[operation] += 1
            for i, rule in enumerate(self.rules):
                if rule["op"] not in ("*", operation) or not is_possible(rule, operation, headers):
                    continue
                if self.fired[i] >= rule.get("times", 1 << 62):
                    continue
                if "nth" in rule and self.requests[operation] not in rule["nth"]:
                    continue
                if "match" in rule and rule["match"].encode() not in body:
                    continue
                if self.rng.random() >= rule.get("probability", 1):
                    continue
                self.fired[i] += 1
                self.faults[f"{operation} {rule.get('fault', 'edit')}"] += 1
                self.n_edits += len(rule.get("edit", ()))
                return rule, self.rng.getrandbits(32)
            return {}, 0


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    allow_reuse_address = True

    def shutdown_request(self, request):
        """Closes a connection; one that lingers for no time is reset."""
        if struct.unpack("ii", request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8))[0]:
            self.close_request(request)
        else:
            super().shutdown_request(request)


class _Handler(socketserver.StreamRequestHandler):
    """One client connection, with a connection of its own to the server."""

    wbufsize = -1
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.proxy = self.server.proxy
        self.upstream = None

    def handle(self):
        try:
            while self._one_request():
                pass
        except Drop as drop:
            if drop.is_reset:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                           struct.pack("ii", 1, 0))
            self._send(drop.reply)
        except (OSError, http.client.HTTPException):
            pass
        finally:
            if self.upstream:
                self.upstream.close()

    def finish(self):
        try:
            super().finish()
        except OSError:
            pass

    def _send(self, reply):
        self.wfile.write(reply)
        self.wfile.flush()

    def _one_request(self):
        line = self.rfile.readline().split()
        if len(line) < 2:
            return False
        headers = {}
        while (header := self.rfile.readline().strip()):
            name, _, text = header.partition(b":")
            headers[name.decode().lower()] = text.strip().decode()
        if headers.get("expect"):
            self._send(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = self.rfile.read(int(headers.get("content-length", 0)))
        path = line[1].decode()
        if path.startswith("/__"):
            self._send(self._control(path, body))
        else:
            operation = headers.get("x-amz-target", "").rpartition(".")[2]
            self._send(self._answer(operation, headers, body))
        return headers.get("connection", "").lower() != "close"

    def _control(self, path, body):
        if path == "/__rules":
            self.proxy.set_rules(json.loads(body))
        return reply_of(200, json.dumps(self.proxy.stats()).encode())

    def _forward(self, headers, body):
        """(status, body) of the server's reply."""
        if self.upstream and time.monotonic() - self.used > 5:
            self.upstream.close()  # it may close an idle connection while we use it
            self.upstream = None
        if self.upstream is None:
            self.upstream = http.client.HTTPConnection(self.proxy.upstream, timeout=60)
        passed = {name: headers[name] for name in FORWARDED if name in headers}
        self.upstream.request("POST", "/", body, passed)
        reply = self.upstream.getresponse()
        content = reply.read()
        self.used = time.monotonic()
        return reply.status, content

    def _edit(self, headers, edits):
        for operation, body in edits:
            target = {"x-amz-target": "DynamoDB_20120810." + operation}
            status, content = self._forward(headers | target, json.dumps(body).encode())
            if status != 200:
                print(f"fault_proxy: {operation} of an edit failed: {content!r}", file=sys.stderr)

    def _answer(self, operation, headers, body):
        rule, number = self.proxy.choose(operation, body, headers)
        fault = rule.get("fault")
        self._edit(headers, rule.get("edit", ()))
        if fault == "throttle":
            return throttle(rule, operation, number)
        if fault == "expired":
            return error(400, "ExpiredTokenException",
                         "The security token included in the request is expired")
        if fault == "skew":
            return skew_error(headers, rule["seconds"])
        if fault == "error_before":
            return error(500, "InternalServerError", "an internal error")
        if fault == "html":
            return reply_of(503, b"<html><body>Service Unavailable</body></html>", kind="text/html")
        if fault == "reply":
            return reply_of(rule.get("status", 200), json.dumps(rule["body"]).encode())
        if fault in ("drop_before", "reset_before"):
            raise Drop(is_reset=fault == "reset_before")
        if fault == "slow":
            time.sleep(rule.get("seconds", 0.5))
        if fault == "partial":
            share = rule.get("share", 0.5)
            refused, rest, merge = PARTIAL[operation](json.loads(body), share, number)
            if rest is None:
                return refused
            status, content = self._forward(headers, json.dumps(rest).encode())
            if status != 200:
                return reply_of(status, content)
            return reply_of(200, json.dumps(merge(json.loads(content))).encode())
        if fault == "short_page":
            body = json.dumps(json.loads(body) | {"Limit": rule.get("limit", 3)}).encode()
        status, content = self._forward(headers, body)
        if fault == "error_after":
            return error(500, "InternalServerError", "an internal error")
        if fault in ("drop_after", "reset_after"):
            raise Drop(is_reset=fault == "reset_after")
        if fault == "cut_after":
            raise Drop(reply_of(status, content)[:-max(1, len(content) // 2)])
        if fault == "table_id" and status == 200:
            table = json.loads(content)
            table["Table"]["TableId"] = rule.get("body", "11111111-2222-4333-8444-555555555555")
            content = json.dumps(table).encode()
        return reply_of(status, content, zlib.crc32(content) ^ (fault == "crc"))


def reply_of(status, body, crc=None, kind="application/x-amz-json-1.0", now=None):
    crc = zlib.crc32(body) if crc is None else crc
    date = email.utils.formatdate(now, usegmt=True)
    return (f"HTTP/1.1 {status} x\r\nContent-Type: {kind}\r\nx-amzn-RequestId: PROXY\r\n"
            f"Date: {date}\r\nx-amz-crc32: {crc}\r\nContent-Length: {len(body)}\r\n\r\n"
            ).encode() + body


def error(status, code, text, now=None, **members):
    prefix = PREFIX.get(code, "com.amazonaws.dynamodb.v20120810#")
    body = {"__type": prefix + code, "message": text} | members
    return reply_of(status, json.dumps(body).encode(), now=now)


def throttle(rule, operation, number):
    """The error of a throttled call, with its reasons if the rule names one."""
    if "reason" not in rule:
        return error(400, rule.get("code", THROTTLES[number % len(THROTTLES)]), "slow down")
    suffix, codes = REASONS[rule["reason"]]
    code = rule.get("code", codes[number % len(codes)])
    reason = {"reason": f"Table{'Read' if operation in READS else 'Write'}{suffix}",
              "resource": "arn:aws:dynamodb:us-east-1:123456789012:table/t"}
    member = "throttlingReasons" if code == "ThrottlingException" else "ThrottlingReasons"
    return error(400, code, "slow down", **{member: [reason]})


def seconds_of(amz_date):
    return calendar.timegm(time.strptime(amz_date, "%Y%m%dT%H%M%SZ"))


def skew_error(headers, ahead):
    now = time.time() + ahead
    signed = seconds_of(headers["x-amz-date"])
    text = "Signature expired: {0} is now earlier than {1}" if signed < now else \
        "Signature not yet current: {0} is still later than {1}"
    shown = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    return error(400, "InvalidSignatureException", text.format(headers["x-amz-date"], shown),
                 now=now)


def is_possible(rule, operation, headers):
    """Can this operation, or this request, have the rule's fault?"""
    fault = rule.get("fault")
    if fault == "skew":
        now = time.time() + rule["seconds"]
        return abs(seconds_of(headers["x-amz-date"]) - now) > SKEW_SECONDS
    return {"partial": operation in PARTIAL, "short_page": operation == "Scan",
            "table_id": operation == "DescribeTable"}.get(fault, True)


# What `partial` does: (reply if nothing is left to forward, rest to forward or None, merge).

def _pick(n, share, number):
    """The indexes that are refused: at least one."""
    return set(random.Random(number).sample(range(n), min(n, max(1, round(n * share)))))


def _partial_get(body, share, number):
    waiting, rest = {}, {}
    for table, request in body["RequestItems"].items():
        refused = _pick(len(request["Keys"]), share, number)
        for target, wanted in ((waiting, True), (rest, False)):
            keys = [key for i, key in enumerate(request["Keys"]) if (i in refused) == wanted]
            if keys:
                target[table] = request | {"Keys": keys}
    none = reply_of(200, json.dumps({"Responses": {table: [] for table in waiting},
                                     "UnprocessedKeys": waiting}).encode())
    return none, rest and body | {"RequestItems": rest} or None, \
        lambda reply: reply | {"UnprocessedKeys": waiting}


def _partial_write(body, share, number):
    waiting, rest = {}, {}
    for table, requests in body["RequestItems"].items():
        refused = _pick(len(requests), share, number)
        waiting[table] = [request for i, request in enumerate(requests) if i in refused]
        rest[table] = [request for i, request in enumerate(requests) if i not in refused]
    rest = {table: requests for table, requests in rest.items() if requests}
    none = error(400, "ProvisionedThroughputExceededException", "nothing was done")
    return none, rest and body | {"RequestItems": rest} or None, \
        lambda reply: reply | {"UnprocessedItems": waiting}


def _partial_statements(body, share, number):
    statements = body["Statements"]
    refused = _pick(len(statements), share, number)
    rest = [statement for i, statement in enumerate(statements) if i not in refused]

    def merge(reply):
        done = iter(reply["Responses"])
        codes = random.Random(number)
        errors = {i: {"Error": {"Code": codes.choice(STATEMENT_ERRORS), "Message": "not now"}}
                  for i in refused}
        return reply | {"Responses": [errors.get(i) or next(done) for i in range(len(statements))]}

    none = reply_of(200, json.dumps(merge({"Responses": []})).encode()) if not rest else b""
    return none, rest and body | {"Statements": rest} or None, merge


def _partial_transaction(body, share, number):
    refused = _pick(len(body["TransactItems"]), share, number)
    codes = ("ThrottlingError", "TransactionConflict", "ProvisionedThroughputExceeded")
    reasons = [{"Code": "None"} for _ in body["TransactItems"]]
    for i in refused:
        reasons[i] = {"Code": codes[(number + i) % 3], "Message": "not now"}
    return error(400, "TransactionCanceledException", "Transaction cancelled",
                 CancellationReasons=reasons), None, None


PARTIAL = {"BatchGetItem": _partial_get, "BatchWriteItem": _partial_write,
           "BatchExecuteStatement": _partial_statements, "TransactWriteItems": _partial_transaction}


def main():
    parser = argparse.ArgumentParser(description="a proxy that fails on purpose")
    parser.add_argument("upstream")
    parser.add_argument("--rules")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rules = []
    if options.rules:
        with open(options.rules, encoding="utf-8") as source:
            rules = json.load(source)
    proxy = FaultProxy(options.upstream, rules, options.seed)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(proxy.endpoint, flush=True)
    proxy.thread.join()


if __name__ == "__main__":
    main()
