"""A proxy in front of an S3 server that fails as S3 and the network before it do.

    proxy = S3FaultProxy(server, rules, seed=1)
    proxy.endpoint, proxy.environment(), proxy.requests, proxy.fired, proxy.stop()

Every request must be signed, and its body must be the one that was signed: the signature is
computed anew here.  A rule is a dict; the first that fires decides what happens to a request.

    fault        what to do, see FAULTS
    method       "GET", ...; without one any
    match        a regular expression that is found in the path with its query
    nth          [1, 3]: only these requests that fit method and match, counted from 1
    probability  0..1, drawn from the seed; default 1
    times        fires at most this often
    edit         [[key, body], ...] of the path's bucket: put there before the request goes on
    seconds, share, region, code, status     for slow, cut, region, refuse

vault: identity_servers.Vault; requests are then signed with what it handed out, and not too late.
"""

import calendar
import collections
import email.utils
import hashlib
import http.client
import http.server
import random
import re
import threading
import time

import s3_servers

FAULTS = {
    "pass": "nothing, after the edits",
    "refuse": "answer `status` with the error `code`, not done",
    "slow_down": "503 SlowDown, not done",
    "error_before": "500 without doing it",
    "error_after": "500 although it was done",
    "html": "503 with a page of HTML, not done",
    "drop_before": "close the connection, not done",
    "drop_after": "close the connection, done: the reply is lost",
    "cut": "the reply ends after `share` of its body",
    "slow": "wait `seconds` first",
    "stall": "stop for `seconds` after `share` of the body, then close",
    "error_in_200": "200 with an <Error>, not done",
    "region": "301: the bucket is in `region`, unless the request is signed for it",
    "skew": "403 RequestTimeTooSkewed unless the date is within 15 minutes of `seconds` from now",
    "expired": "400 ExpiredToken if the token is the one of `code`",
}
SKEW_SECONDS = 900
TOO_LATE = "ExpiredTokenException"
HOP = ("connection", "keep-alive", "transfer-encoding", "content-length", "te", "trailer")


class S3FaultProxy:
    """Serves in threads of this process until stop()."""

    def __init__(self, server, rules=(), seed=1, vault=None):
        self.server = server
        self.vault = vault
        self.lock = threading.Lock()
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.http.daemon_threads = True
        self.http.proxy = self
        self.endpoint = f"http://127.0.0.1:{self.http.server_address[1]}"
        self.set_rules(rules, seed)
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def set_rules(self, rules, seed=1):
        for rule in rules:
            if rule["fault"] not in FAULTS:
                raise ValueError(f"not a rule: {rule}")
        with self.lock:
            self.rules = [dict(rule) for rule in rules]
            self.seen = [0] * len(self.rules)
            self.n_fired = [0] * len(self.rules)
            self.rng = random.Random(seed)
            self.requests = []  # "GET /bucket/key?query Range" in the order they came
            self.fired = collections.Counter()
            self.refused = []  # what was not signed as it should be

    def environment(self):
        return self.server.environment() | {"AWS_ENDPOINT_URL_S3": self.endpoint}

    def stop(self):
        self.http.shutdown()
        self.http.server_close()

    def choose(self, method, path, headers):
        with self.lock:
            for i, rule in enumerate(self.rules):
                if rule.get("method", method) != method or not re.search(rule.get("match", ""),
                                                                        path):
                    continue
                if not is_possible(rule, headers):
                    continue
                self.seen[i] += 1
                if "nth" in rule and self.seen[i] not in rule["nth"]:
                    continue
                if self.n_fired[i] >= rule.get("times", 1 << 62):
                    continue
                if self.rng.random() >= rule.get("probability", 1):
                    continue
                self.n_fired[i] += 1
                self.fired[rule["fault"]] += 1
                return rule
            return {"fault": "pass"}


def is_possible(rule, headers):
    """False if the rule lets this request pass, so that another one may fire."""
    if rule["fault"] == "region":
        return f"/{rule['region']}/s3/" not in headers["authorization"]
    if rule["fault"] == "expired":
        return headers["x-amz-security-token"] == rule["code"]
    if rule["fault"] == "skew":
        signed = calendar.timegm(time.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ"))
        return abs(time.time() + rule["seconds"] - signed) > SKEW_SECONDS
    return True


def error(status, code, text="on purpose", more="", headers=()):
    body = f"<?xml version=\"1.0\"?>\n<Error><Code>{code}</Code><Message>{text}</Message>{more}" \
           "<RequestId>PROXY</RequestId></Error>"
    return status, [("Content-Type", "application/xml"), *headers], body.encode()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def date_time_string(self, timestamp=None):
        return email.utils.formatdate(timestamp or time.time() + self.ahead, usegmt=True)

    def _any(self):
        self.ahead = 0
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        proxy = self.server.proxy
        with proxy.lock:
            proxy.requests.append(f"{self.command} {self.path} {self.headers.get('range', '')}")
        wrong = self._check(body)
        if wrong == TOO_LATE:
            self._send(*error(400, "ExpiredToken", "The provided token has expired."))
        elif wrong:
            with proxy.lock:
                proxy.refused.append(f"{self.command} {self.path}: {wrong}")
            self._send(*error(403, "SignatureDoesNotMatch", wrong))
        else:
            self._answer(proxy.choose(self.command, self.path, self.headers), body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _any

    def _check(self, body):
        """What is wrong with the signature, or None."""
        found = re.match(r"AWS4-HMAC-SHA256 Credential=([^/]+)/\d{8}/([^/]+)/s3/aws4_request, "
                         r"SignedHeaders=([^,]+), Signature=", self.headers["authorization"] or "")
        if not found:
            return "not signed"
        key_id, region, names = found.groups()
        names = names.split(";")
        for name in self.headers.keys():
            if (name.lower().startswith("x-amz-") or name.lower() == "host") and \
                    name.lower() not in names:
                return f"{name} is not signed"
        if hashlib.sha256(body).hexdigest() != self.headers["x-amz-content-sha256"]:
            return "the body is not the one that was signed"
        signed = {name: self.headers[name] for name in names}
        vault = self.server.proxy.vault
        secret = self.server.proxy.server.secret
        if vault:
            refusal = vault.judge(key_id, self.headers["x-amz-security-token"])
            if refusal:
                return refusal
            secret = vault.issued[key_id].secret
        if s3_servers.signature(self.command, self.path, signed, key_id, secret,
                                region) != self.headers["authorization"]:
            return "the signature is another one"
        return None

    def _forward(self, method, path, body, headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.proxy.server.port,
                                                timeout=60)
        try:
            connection.request(method, path, body or None, headers)
            reply = connection.getresponse()
            content = reply.read()
            return reply.status, [(name, text) for name, text in reply.getheaders()
                                  if name.lower() not in (*HOP, "date", "server")], content
        finally:
            connection.close()

    def _answer(self, rule, body):
        fault = rule["fault"]
        for key, content in rule.get("edit", ()):
            self.server.proxy.server.put(self.path.split("/")[1], key, content)
        refusal = self._refusal(rule)
        if fault == "drop_before":
            self.close_connection = True
            return
        if refusal:
            self._send(*refusal)
            return
        if fault == "slow":
            time.sleep(rule.get("seconds", 0.2))
        headers = {name: text for name, text in self.headers.items() if name.lower() not in HOP}
        status, reply_headers, content = self._forward(self.command, self.path, body, headers)
        if fault == "error_after":
            self._send(*error(500, "InternalError"))
        elif fault == "drop_after":
            self.close_connection = True
        elif fault in ("cut", "stall"):
            self._send(status, reply_headers, content, int(len(content) * rule.get("share", 0.5)))
            if fault == "stall":
                self.wfile.flush()
                time.sleep(rule["seconds"])
            self.close_connection = True
        else:
            self._send(status, reply_headers, content)

    def _refusal(self, rule):
        fault = rule["fault"]
        if fault == "refuse":
            return error(rule["status"], rule["code"])
        if fault == "slow_down":
            return error(503, "SlowDown", "Please reduce your request rate.")
        if fault == "error_before":
            return error(500, "InternalError")
        if fault == "error_in_200":
            return error(200, "InternalError")
        if fault == "html":
            return 503, [("Content-Type", "text/html")], b"<html><body>Unavailable</body></html>"
        if fault == "region":
            return error(301, "PermanentRedirect", headers=[("x-amz-bucket-region",
                                                             rule["region"])])
        if fault == "skew":
            self.ahead = rule["seconds"]
            return error(403, "RequestTimeTooSkewed", "The difference is too large.")
        if fault == "expired":
            return error(400, "ExpiredToken", "The provided token has expired.")
        return None

    def _send(self, status, headers, body, n=None):
        self.send_response(status, "x")
        for name, text in headers:
            self.send_header(name, text)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:n])
