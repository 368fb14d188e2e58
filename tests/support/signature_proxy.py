#!/usr/bin/env python3
"""A proxy in front of a test server that checks the signature of every request with botocore.

DynamoDB Local and the S3 servers take any signature; this takes only right ones, and answers the
others as AWS does.  A right one is made with a known key over the request as it arrived: method,
path, query, body, and all headers that must be signed.

In tests:     proxy = SignatureProxy(server.endpoint, "dynamodb", {"AKID": ("secret", None)})
              proxy.endpoint, proxy.stats(), proxy.stop()
              keys: key id -> (secret, session token or None)
stats():      the requests seen by kind ("Scan", "GET object"), how many came too early or too late,
              and what was wrong, if anything

skew_seconds  how far the proxy's clock, which it judges X-Amz-Date by and tells in Date, is ahead
tls           (certificate file, key file): serve https
region        what requests must be signed for

It needs botocore, so it is a process of its own, run by the Python that scripts/setup makes.
"""

import argparse
import atexit
import calendar
import collections
import email.utils
import hashlib
import http.client
import http.server
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse
from xml.sax.saxutils import escape

import dynamodb_local
import s3_servers

WINDOW_SECONDS = {"dynamodb": 300, "sts": 300, "s3": 900}
NOT_FORWARDED = ("connection", "keep-alive", "proxy-connection", "transfer-encoding")
MUST_SIGN = ("host", "content-type", "range", "if-match", "if-none-match")
AUTHORIZATION = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/"
                           r"aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})")
MISMATCH = "The request signature we calculated does not match the signature you provided. " \
           "Check your AWS Secret Access Key and signing method. Consult the service " \
           "documentation for details.\n\nThe Canonical String for this request should have " \
           "been\n'{}'\n"


class SignatureProxy:
    """A running proxy.  The constructor returns when it serves; it never outlives this process."""

    def __init__(self, upstream, service, keys, region="us-east-1", skew_seconds=0, tls=None):
        command = [s3_servers.python(), os.path.abspath(__file__), upstream, "--service", service,
                   "--region", region, "--skew", str(skew_seconds)]
        if tls:
            command += ["--tls", *tls]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, preexec_fn=dynamodb_local.die_with_parent)
        atexit.register(self.stop)
        self.process.stdin.write(json.dumps(keys) + "\n")
        self.process.stdin.flush()
        self.endpoint = self.process.stdout.readline().strip()
        if not self.endpoint:
            raise RuntimeError("the signature proxy did not start")

    def stats(self):
        """{"kinds": {kind: n}, "skewed": n, "wrong": [what, ...], "signatures": [of each, ...]}"""
        self.process.stdin.write("stats\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def stop(self):
        if self.process is None:
            return
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.process = None


class Refused(Exception):
    """A request that AWS would refuse: .code and .status."""

    def __init__(self, code, message, status=400):
        super().__init__(message)
        self.code = code
        self.status = status


class Checker:
    """Judges requests; keeps what it saw."""

    def __init__(self, options, keys):
        self.options = options
        self.keys = keys
        self.lock = threading.Lock()
        self.kinds = collections.Counter()
        self.n_skewed = 0
        self.wrong = []
        self.signatures = []

    def stats(self):
        with self.lock:
            return {"kinds": dict(self.kinds), "skewed": self.n_skewed, "wrong": self.wrong,
                    "signatures": self.signatures}

    def now(self):
        return time.time() + self.options.skew

    def check(self, method, target, headers, body):
        """Raises Refused, and keeps why, unless the request is signed as it must be."""
        kind = self.kind_of(method, target, headers, body)
        try:
            self.check_signature(method, target, headers, body)
        except Refused as refused:
            with self.lock:
                if refused.code in ("SkewedSignature", "RequestTimeTooSkewed"):
                    self.n_skewed += 1
                else:
                    self.wrong.append(f"{kind}: {refused.code}: {refused}")
            raise
        with self.lock:
            self.kinds[kind] += 1

    def kind_of(self, method, target, headers, body):
        if "x-amz-target" in headers:
            return headers["x-amz-target"].rpartition(".")[2]
        if self.options.service == "sts":
            return urllib.parse.parse_qs(body.decode()).get("Action", ["?"])[0]
        path, _, query = target.partition("?")
        names = sorted(name for name in urllib.parse.parse_qs(query, keep_blank_values=True)
                       if name in ("list-type", "uploads", "uploadId", "partNumber"))
        what = "object" if path.strip("/").count("/") > 0 else "bucket"
        return " ".join([method, what, *names])

    def check_signature(self, method, target, headers, body):
        found = AUTHORIZATION.fullmatch(headers.get("authorization", ""))
        if not found:
            raise Refused("MissingAuthenticationTokenException", "no usable Authorization", 403)
        key_id, day, region, service, signed, signature = found.groups()
        time_text = headers.get("x-amz-date", "")
        if (region, service) != (self.options.region, self.options.service):
            raise Refused("IncompleteSignatureException", f"signed for {region}/{service}")
        if not re.fullmatch(r"\d{8}T\d{6}Z", time_text) or time_text[:8] != day:
            raise Refused("IncompleteSignatureException", f"X-Amz-Date {time_text}, scope {day}")
        self.check_headers(headers, signed.split(";"))
        self.check_time(time_text)
        self.check_body(headers, body)
        with self.lock:
            self.signatures.append(signature)
        secret = self.secret_of(key_id, headers.get("x-amz-security-token"))
        expected, canonical = self.sign(method, target, headers, body, key_id, secret,
                                        signed.split(";"))
        if expected != signature:
            raise Refused("InvalidSignatureException" if service == "dynamodb"
                          else "SignatureDoesNotMatch", MISMATCH.format(canonical),
                          400 if service == "dynamodb" else 403)

    def check_headers(self, headers, signed):
        if signed != sorted(set(signed)):
            raise Refused("IncompleteSignatureException", f"SignedHeaders not sorted: {signed}")
        for name in headers:
            if name in MUST_SIGN or name.startswith("x-amz-"):
                if name not in signed:
                    raise Refused("IncompleteSignatureException", f"'{name}' is not signed")
        for name in signed:
            if name not in headers:
                raise Refused("IncompleteSignatureException", f"'{name}' is signed, but not there")

    def check_time(self, time_text):
        there = calendar.timegm(time.strptime(time_text, "%Y%m%dT%H%M%SZ"))
        here = self.now()
        window = WINDOW_SECONDS.get(self.options.service, 300)
        if abs(here - there) <= window:
            return
        if self.options.service == "s3":
            raise Refused("RequestTimeTooSkewed", "The difference between the request time and the "
                          "current time is too large.", 403)
        here_text = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(here))
        if there < here:
            raise Refused("SkewedSignature", f"Signature expired: {time_text} is now earlier than "
                          f"{here_text} ({here_text} - 5 min.)")
        raise Refused("SkewedSignature", f"Signature not yet current: {time_text} is still later "
                      f"than {here_text} ({here_text} + 5 min.)")

    def check_body(self, headers, body):
        stated = headers.get("x-amz-content-sha256")
        if self.options.service == "s3" and stated is None:
            raise Refused("MissingSecurityHeader", "no x-amz-content-sha256")
        if stated not in (None, "UNSIGNED-PAYLOAD", hashlib.sha256(body).hexdigest()):
            raise Refused("XAmzContentSHA256Mismatch", "x-amz-content-sha256 is not the body's")

    def secret_of(self, key_id, token):
        if key_id not in self.keys:
            raise Refused("UnrecognizedClientException" if self.options.service != "s3"
                          else "InvalidAccessKeyId", f"the key id '{key_id}' is not known", 403)
        secret, expected_token = self.keys[key_id]
        if token != expected_token:
            raise Refused("UnrecognizedClientException" if self.options.service != "s3"
                          else "InvalidToken", "The security token included in the request is "
                          "invalid.", 403)
        return secret

    def sign(self, method, target, headers, body, key_id, secret, signed):
        """The signature that botocore makes for the request, and its canonical request."""
        from botocore.auth import S3SigV4Auth, SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        kind = S3SigV4Auth if self.options.service == "s3" else SigV4Auth
        signer = kind(Credentials(key_id, secret), self.options.service, self.options.region)
        request = AWSRequest(method, "http://" + headers["host"] + target, data=body,
                             headers={name: headers[name] for name in signed})
        request.context["timestamp"] = headers["x-amz-date"]
        canonical = signer.canonical_request(request)
        return signer.signature(signer.string_to_sign(request, canonical), request), canonical


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    upstream = None

    def log_message(self, *_):
        pass

    def date_time_string(self, timestamp=None):
        return email.utils.formatdate(self.server.checker.now(), usegmt=True)

    def handle_any(self):
        n_bytes = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(n_bytes)
        if len(body) < n_bytes:
            self.close_connection = True  # the client has thought better of it
            return
        headers = {}
        for name, value in self.headers.items():
            name = name.lower()
            headers[name] = headers[name] + "," + value if name in headers else value
        try:
            self.server.checker.check(self.command, self.path, headers, body)
        except Refused as refused:
            self.refuse(refused)
            return
        self.forward(body)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any

    def refuse(self, refused):
        code = "InvalidSignatureException" if refused.code == "SkewedSignature" else refused.code
        if self.server.checker.options.service == "s3":
            text = f"<Error><Code>{code}</Code><Message>{escape(str(refused))}</Message></Error>"
        elif self.server.checker.options.service == "sts":
            text = f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>" \
                   f"<Message>{escape(str(refused))}</Message></Error></ErrorResponse>"
        else:
            text = json.dumps({"__type": "com.amazon.coral.service#" + code,
                               "message": str(refused)})
        self.answer(refused.status, [], text.encode())

    def answer(self, status, headers, body):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if not any(name.lower() == "content-length" for name, _ in headers) and status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def forward(self, body):
        """Over a connection per connection; a stale one is opened anew."""
        headers = {name: value for name, value in self.headers.items()
                   if name.lower() not in NOT_FORWARDED}
        for is_last in (False, True):
            if self.upstream is None:
                self.upstream = http.client.HTTPConnection(self.server.upstream, timeout=60)
            try:
                self.upstream.request(self.command, self.path, body or None, headers)
                reply = self.upstream.getresponse()
                data = reply.read()
                break
            except (OSError, http.client.HTTPException):
                self.upstream.close()
                self.upstream = None
                if is_last:
                    self.close_connection = True
                    return
        kept = [(name, value) for name, value in reply.getheaders()
                if name.lower() not in (*NOT_FORWARDED, "date", "server")]
        self.answer(reply.status, kept, data)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass  # a client that went away, or that did not like the certificate


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("upstream")
    parser.add_argument("--service", required=True)
    parser.add_argument("--region", required=True)
    parser.add_argument("--skew", type=float, default=0)
    parser.add_argument("--tls", nargs=2)
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    checker = Checker(options, json.loads(sys.stdin.readline()))
    server = _Server(("127.0.0.1", 0), _Handler)
    server.checker = checker
    server.upstream = options.upstream.removeprefix("http://").rstrip("/")
    if options.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*options.tls)
        server.socket = context.wrap_socket(server.socket, server_side=True,
                                            do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    print(("https" if options.tls else "http") + f"://127.0.0.1:{server.server_address[1]}",
          flush=True)
    for _ in sys.stdin:
        print(json.dumps(checker.stats()), flush=True)


if __name__ == "__main__":
    main()
