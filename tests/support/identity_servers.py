#!/usr/bin/env python3
"""The services that give AWS credentials, and a DynamoDB that takes only theirs.

    vault = Vault(life_seconds=3)
    identity = Identity(vault)            # STS, instance metadata, container agent, SSO, in one
    proxy = CheckingProxy(server.endpoint, vault)
    identity.endpoint, identity.calls, identity.wrong; proxy.endpoint, proxy.key_ids
    identity.stop(); proxy.stop()

Each service checks what it receives, as the real one does: a request that is not as it must be is
refused, and what was wrong is kept in `wrong`.  Everything that must stay secret is in
vault.secrets.
"""

import collections
import datetime
import hashlib
import http.server
import json
import os
import re
import secrets
import threading
import time
import urllib.parse

import fault_proxy

ROLE = "role-x"
SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}")
CREDENTIAL = re.compile(r"AWS4-HMAC-SHA256 Credential=([A-Za-z0-9]+)/")
Keys = collections.namedtuple("Keys", "key_id secret token expires_at source")


class Vault:
    """Makes credentials and knows them again."""

    def __init__(self, life_seconds=3600, revoked_after=None):
        self.life_seconds = life_seconds
        self.revoked_after = revoked_after  # seconds; the credentials do not say so
        self.lock = threading.Lock()
        self.issued = {}
        self.born = {}
        self.secrets = set()

    def secret(self, stem):
        """A text that must not be found anywhere."""
        text = f"{stem}{secrets.token_hex(12)}"
        with self.lock:
            self.secrets.add(text)
        return text

    def issue(self, source, lasting=False):
        secret, token = self.secret("KEY"), None if lasting else self.secret("TOKEN")
        expires_at = None if lasting else time.time() + self.life_seconds
        with self.lock:
            key_id = f"{'AKIA' if lasting else 'ASIA'}{len(self.issued):06d}"
            keys = Keys(key_id, secret, token, expires_at, source)
            self.issued[key_id] = keys
            self.born[key_id] = time.time()
        return keys

    def n_issued(self, source):
        with self.lock:
            return sum(keys.source == source for keys in self.issued.values())

    def judge(self, key_id, token):
        """None, or the error code that the service gives."""
        now = time.time()
        with self.lock:
            keys = self.issued.get(key_id)
            if keys is None or keys.token != token:
                return "UnrecognizedClientException"
            if keys.expires_at is not None and now > keys.expires_at:
                return "ExpiredTokenException"
            if token and self.revoked_after and now > self.born[key_id] + self.revoked_after:
                return "ExpiredTokenException"
        return None


def iso(seconds):
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


class Identity:
    """All the services on one port, until stop()."""

    def __init__(self, vault):
        self.vault = vault
        self.lock = threading.Lock()
        self.calls = collections.Counter()
        self.wrong = []
        self.metadata_tokens = set()
        self.token_files = {}  # "web identity", "container" -> path
        self.bearer = None     # of SSO
        self.refresh = None
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.server.daemon_threads = True
        self.server.identity = self
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def write_token(self, service, path):
        """Puts a new token into the service's file, as the platform does now and then."""
        self.token_files[service] = path
        with open(path + ".new", "w", encoding="ascii") as out:
            out.write(self.vault.secret("JWT") + "\n")
        os.replace(path + ".new", path)

    def present_token(self, service):
        with open(self.token_files[service], encoding="ascii") as source:
            return source.read().strip()

    def log_in(self, home, session, seconds=3600):
        """What `aws sso login` leaves behind; a login of 0 seconds must be renewed."""
        self.bearer = self.vault.secret("BEARER")
        self.refresh = self.vault.secret("REFRESH")
        folder = os.path.join(home, ".aws/sso/cache")
        os.makedirs(folder, exist_ok=True)
        name = hashlib.sha1(session.encode()).hexdigest() + ".json"
        with open(os.path.join(folder, name), "w", encoding="ascii") as out:
            json.dump({"startUrl": "https://corp/start", "region": "us-east-1",
                       "accessToken": self.bearer, "expiresAt": iso(time.time() + seconds),
                       "clientId": "client", "clientSecret": self.vault.secret("CLIENT"),
                       "refreshToken": self.refresh}, out)

    def answer(self, method, target, headers, body):
        """(status, body) of a request."""
        path, _, query = target.partition("?")
        if method == "POST" and path == "/":
            return self.sts(headers, urllib.parse.parse_qs(body.decode()))
        if path == "/latest/api/token" and method == "PUT":
            return self.metadata_token(headers)
        if path.startswith("/latest/meta-data/"):
            return self.metadata(path, headers)
        if path == "/v1/credentials":
            return self.container(headers)
        if path == "/federation/credentials":
            return self.sso(headers, urllib.parse.parse_qs(query))
        if path == "/token" and method == "POST":
            return self.sso_token(json.loads(body))
        return self.refuse("path", 404, f"{method} {path}")

    def refuse(self, service, status, what):
        with self.lock:
            self.wrong.append(f"{service}: {what}")
        if service == "sts":
            return status, "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>" \
                           f"<Message>{what}</Message></Error></ErrorResponse>"
        return status, json.dumps({"message": what})

    def count(self, call):
        with self.lock:
            self.calls[call] += 1

    def sts(self, headers, form):
        action = form["Action"][0]
        if not SESSION_NAME.fullmatch(form["RoleSessionName"][0]):
            return self.refuse("sts", 400, "RoleSessionName")
        if action == "AssumeRoleWithWebIdentity":
            if "authorization" in headers:
                return self.refuse("sts", 400, "a signature where none belongs")
            if form["WebIdentityToken"] != [self.present_token("web identity")]:
                return self.refuse("sts", 400, "not the file's present token")
        else:
            found = CREDENTIAL.match(headers.get("authorization", ""))
            wrong = self.vault.judge(found and found.group(1), headers.get("x-amz-security-token"))
            if wrong:
                return self.refuse("sts", 403, wrong)
        self.count(action)
        keys = self.vault.issue(f"{action} {form['RoleArn'][0]}")
        return 200, f"""<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
            <{action}Result><Credentials><AccessKeyId>{keys.key_id}</AccessKeyId>
            <SecretAccessKey>{keys.secret}</SecretAccessKey>
            <SessionToken>{keys.token}</SessionToken><Expiration>{iso(keys.expires_at)}</Expiration>
            </Credentials></{action}Result></{action}Response>"""

    def metadata_token(self, headers):
        if headers.get("x-aws-ec2-metadata-token-ttl-seconds") != "21600":
            return self.refuse("instance", 400, "no life in the request for a token")
        token = self.vault.secret("IMDS")
        with self.lock:
            self.metadata_tokens.add(token)
        return 200, token

    def metadata(self, path, headers):
        if headers.get("x-aws-ec2-metadata-token") not in self.metadata_tokens:
            return self.refuse("instance", 401, "no token")
        path = path.removeprefix("/latest/meta-data/iam/security-credentials/")
        if path == "":
            return 200, ROLE
        if path != ROLE:
            return self.refuse("instance", 404, path)
        self.count("instance")
        return 200, json.dumps({"Code": "Success"} | self.members("instance"))

    def container(self, headers):
        if headers.get("authorization") != self.present_token("container"):
            return self.refuse("container", 401, "not the file's present token")
        self.count("container")
        return 200, json.dumps(self.members("container"))

    def members(self, source):
        keys = self.vault.issue(source)
        return {"AccessKeyId": keys.key_id, "SecretAccessKey": keys.secret, "Token": keys.token,
                "Expiration": iso(keys.expires_at)}

    def sso(self, headers, query):
        if headers.get("x-amz-sso_bearer_token") != self.bearer:
            return self.refuse("sso", 401, "not the bearer token")
        if query != {"role_name": ["reader"], "account_id": ["123456789012"]}:
            return self.refuse("sso", 403, "another role")
        self.count("sso")
        keys = self.vault.issue("sso")
        return 200, json.dumps({"roleCredentials": {
            "accessKeyId": keys.key_id, "secretAccessKey": keys.secret,
            "sessionToken": keys.token, "expiration": int(keys.expires_at * 1000)}})

    def sso_token(self, request):
        """A refresh token counts once."""
        with self.lock:
            known, self.refresh = self.refresh, None
        if request.get("grantType") != "refresh_token" or request.get("refreshToken") != known:
            return self.refuse("sso", 400, "not the refresh token")
        self.count("sso token")
        self.bearer, self.refresh = self.vault.secret("BEARER"), self.vault.secret("REFRESH")
        return 200, json.dumps({"accessToken": self.bearer, "expiresIn": 3600,
                                "refreshToken": self.refresh, "tokenType": "Bearer"})


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, text = self.server.identity.answer(self.command, self.path, headers, body)
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    do_GET = do_PUT = do_POST = handle_any


class CheckingProxy(fault_proxy.FaultProxy):
    """A fault proxy that first asks the vault who signed; every request takes `seconds`."""

    def __init__(self, upstream, vault, seconds=0):
        super().__init__(upstream)
        self.vault = vault
        self.seconds = seconds
        self.key_ids = collections.Counter()
        self.refused = collections.Counter()
        self.server.RequestHandlerClass = _CheckingHandler

    def check(self, headers):
        """None, or the error reply."""
        found = CREDENTIAL.match(headers.get("authorization", ""))
        key_id = found.group(1) if found else ""
        code = self.vault.judge(key_id, headers.get("x-amz-security-token"))
        with self.lock:
            (self.refused if code else self.key_ids)[code or key_id] += 1
        return fault_proxy.error(400, code, "The security token included in the request is not "
                                 "valid") if code else None


class _CheckingHandler(fault_proxy._Handler):
    def _answer(self, operation, headers, body):
        refusal = self.proxy.check(headers)
        if refusal:
            return refusal
        time.sleep(self.proxy.seconds)
        return super()._answer(operation, headers, body)
