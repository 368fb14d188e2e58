"""Credentials: each source signs, runs outlive their tokens, and no secret is written down."""

import glob
import os
import subprocess
import threading
import unittest

import support  # noqa: F401
import identity_servers
import keepone
import oracle
import seed
import signature_proxy
from keepone import ACCESS, ALL, RULES

BARE = {name: "" for name in keepone.ENVIRONMENT if name.startswith("AWS_") and "REGION" not in name
        and "METADATA" not in name} | {"AWS_SESSION_TOKEN": ""}
ARN = "arn:aws:iam::123456789012:role/"


class CommandLines:
    """Every command line of keepone that is seen while it runs."""

    def __init__(self):
        self.seen = set()
        self.end = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def watch(self):
        while not self.end.wait(0.02):
            for path in glob.glob("/proc/[0-9]*/cmdline"):
                try:
                    with open(path, "rb") as source:
                        line = source.read()
                except OSError:
                    continue
                if b"keepone" in line:
                    self.seen.add(line)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        self.thread.join()


class Cases(keepone.ServerCase):
    def setUp(self):
        super().setUp()
        self.home = os.path.join(self.folder, "home")
        os.makedirs(os.path.join(self.home, ".aws"))
        self.use(identity_servers.Vault())

    def use(self, vault, seconds=0):
        """The services hand out this vault's credentials from here on."""
        self.vault = vault
        self.identity = identity_servers.Identity(vault)
        self.addCleanup(self.identity.stop)
        self.proxy = identity_servers.CheckingProxy(self.server.endpoint, vault, seconds)
        self.addCleanup(self.proxy.stop)

    def environment(self, **more):
        """Of a program that knows no credentials but those that `more` leads to."""
        services = {f"AWS_ENDPOINT_URL_{name}": self.identity.endpoint
                    for name in ("STS", "SSO", "SSO_OIDC")}
        return BARE | {"HOME": self.home} | services | more

    def write(self, name, text):
        with open(os.path.join(self.home, ".aws", name), "w", encoding="ascii") as out:
            out.write(text)

    def new_token(self, service):
        path = os.path.join(self.folder, service.replace(" ", "-"))
        self.identity.write_token(service, path)
        return path

    def keys_text(self, keys):
        return f"aws_access_key_id = {keys.key_id}\naws_secret_access_key = {keys.secret}\n" + \
            (f"aws_session_token = {keys.token}\n" if keys.token else "")

    def find_with(self, table, env, *arguments, **how):
        """find through the checking proxy, into self.run_folder; returns its result."""
        self.run_folder = folder = self.new_run()
        rules = {name: text for name, text in RULES.items() if name != "primary_key"}
        return keepone.run("find", *self.at(table, self.proxy.endpoint), "--run", folder,
                           *keepone.options(rules), "--log-level", "debug", *arguments, env=env,
                           **how)

    def check_source(self, env, source, *arguments):
        """A run with this environment signs with credentials of this source, and no others."""
        self.proxy.key_ids.clear()
        result = self.find_with(self.table, env, *arguments)
        self.assertEqual(0, result.rc, str(result))
        self.assertEqual([], self.identity.wrong)
        self.assertEqual({source}, {self.vault.issued[key_id].source
                                    for key_id in self.proxy.key_ids})
        self.check_no_secret(result)

    def check_no_secret(self, result, lines=()):
        """Not in what it said, in its run directory, and in these command lines."""
        paths = [os.path.join(folder, name) for folder, _, names in os.walk(self.run_folder)
                 for name in names]
        self.assertTrue(paths)
        texts = [result.out.encode(), result.err.encode(), *lines]
        for path in paths:
            with open(path, "rb") as source:
                texts.append(source.read())
        packed = [path for path in paths if path.endswith(".zst")]
        texts.append(subprocess.run(["zstd", "-dcq", *packed], stdout=subprocess.PIPE,
                                    check=True).stdout)
        for text in texts:
            for secret in self.vault.secrets:
                self.assertNotIn(secret.encode(), text)

    def test_every_source_signs(self):
        self.table = self.new_table(seed.traps())
        lasting = self.vault.issue("lasting", lasting=True)
        passing = self.vault.issue("passing")
        given = {"AWS_ACCESS_KEY_ID": passing.key_id, "AWS_SECRET_ACCESS_KEY": passing.secret,
                 "AWS_SESSION_TOKEN": passing.token}
        web = {"AWS_WEB_IDENTITY_TOKEN_FILE": self.new_token("web identity")}
        self.write("credentials", "[filed]\n" + self.keys_text(lasting))
        script = os.path.join(self.home, "print-keys")
        with open(script, "w", encoding="ascii") as out:
            out.write(f"""echo '{{"Version": 1, "AccessKeyId": "{lasting.key_id}", "Secret"""
                      f"""AccessKey": "{lasting.secret}"}}'""")
        self.write("config", f"""
[profile configured]
{self.keys_text(lasting)}
[profile process]
credential_process = sh "{script}"
[profile role]
role_arn = {ARN}inner
source_profile = filed
[profile role-of-role]
role_arn = {ARN}outer
source_profile = role
[profile from-environment]
role_arn = {ARN}environment
credential_source = Environment
[profile web]
role_arn = {ARN}web
web_identity_token_file = {web["AWS_WEB_IDENTITY_TOKEN_FILE"]}
[profile sso]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = reader
[sso-session corp]
sso_start_url = https://corp/start
sso_region = us-east-1
""")
        self.identity.log_in(self.home, "corp", seconds=0)
        assumed = "AssumeRole " + ARN
        for name, env, source, *arguments in (
                ("environment", given, "passing"),
                ("credentials file", {"AWS_PROFILE": "filed"}, "lasting"),
                ("--profile before environment", given, "lasting", "--profile", "filed"),
                ("config file", {"AWS_PROFILE": "configured"}, "lasting"),
                ("process", {"AWS_PROFILE": "process"}, "lasting"),
                ("role", {"AWS_PROFILE": "role"}, assumed + "inner"),
                ("role of a role", {"AWS_PROFILE": "role-of-role"}, assumed + "outer"),
                ("credential_source", given, assumed + "environment", "--profile",
                 "from-environment"),
                ("web identity", web | {"AWS_ROLE_ARN": ARN + "irsa"},
                 f"AssumeRoleWithWebIdentity {ARN}irsa"),
                ("web identity of a profile", {"AWS_PROFILE": "web"},
                 f"AssumeRoleWithWebIdentity {ARN}web"),
                ("sso", {"AWS_PROFILE": "sso"}, "sso"),
                ("container", self.container(), "container"),
                ("instance", self.instance(), "instance"),
                ("--assume-role", given, assumed + "other", "--assume-role", ARN + "other")):
            with self.subTest(name):
                self.check_source(self.environment(**env), source, *arguments)
        self.assertEqual(1, self.identity.calls["sso token"])

    def container(self):
        return {"AWS_CONTAINER_CREDENTIALS_FULL_URI": self.identity.endpoint + "/v1/credentials",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": self.new_token("container")}

    def instance(self):
        return {"AWS_EC2_METADATA_DISABLED": "",
                "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.identity.endpoint}

    def long_run(self, env, source, rotated=None):
        """find and apply on two ranks that take longer than any credentials live."""
        items = seed.space_diff(60, repeated=0.5).items
        table = self.new_table(items, range_key="sk:S")
        verdict = oracle.judge(items, RULES)
        if rotated:
            rotation = threading.Timer(1, self.identity.write_token,
                                       (rotated, self.identity.token_files[rotated]))
            rotation.start()
            self.addCleanup(rotation.cancel)
        with CommandLines() as lines:
            found = self.find_with(table, env, "--segments", 20, "--in-flight", 1, ranks=2)
            self.assertEqual(0, found.rc, str(found))
            applied = keepone.run("apply", self.run_folder, "--yes", *ALL, "--in-flight", 1,
                                  "--log-level", "debug", env=env, ranks=2)
        self.assertEqual(0, applied.rc, str(applied))
        self.check_table(table, keepone.survivors(items, verdict, RULES))
        self.assertEqual([], self.identity.wrong)
        self.assertTrue(lines.seen)
        for result in (found, applied):
            self.check_no_secret(result, lines.seen)
        sources = {self.vault.issued[key_id].source for key_id in self.proxy.key_ids}
        self.assertEqual({source}, sources)

    def test_a_run_outlives_its_tokens(self):
        for name, setting, source, rotated in (
                ("container", self.container, "container", "container"),
                ("web identity", lambda: {
                    "AWS_WEB_IDENTITY_TOKEN_FILE": self.new_token("web identity"),
                    "AWS_ROLE_ARN": ARN + "irsa"},
                 f"AssumeRoleWithWebIdentity {ARN}irsa", "web identity")):
            with self.subTest(name):
                self.use(identity_servers.Vault(life_seconds=3), seconds=0.3)
                self.long_run(self.environment(**setting()), source, rotated)
                self.assertGreater(self.vault.n_issued(source), 4)
                self.assertEqual({}, dict(self.proxy.refused))  # renewed in time

    def test_a_token_that_expires_without_saying_so_is_renewed(self):
        self.use(identity_servers.Vault(revoked_after=2), seconds=0.3)
        self.long_run(self.environment(**self.container()), "container")
        self.assertEqual({"ExpiredTokenException"}, set(self.proxy.refused))
        # one load at the start of each rank of both commands, and one per refusal
        refused = self.proxy.refused["ExpiredTokenException"]
        self.assertLessEqual(self.vault.n_issued("container"), 4 + refused)

    def check_signed(self, checker, n_skewed):
        stats = checker.stats()
        self.assertEqual({"AssumeRole": 1}, stats["kinds"])
        self.assertEqual((n_skewed, []), (stats["skewed"], stats["wrong"]))

    def test_the_signature_of_assume_role_is_right(self):
        self.table = self.new_table(seed.traps())
        keys = self.vault.issue("passing")
        checker = signature_proxy.SignatureProxy(
            self.identity.endpoint, "sts", {keys.key_id: (keys.secret, keys.token)})
        self.addCleanup(checker.stop)
        env = self.environment(AWS_ENDPOINT_URL_STS=checker.endpoint,
                               AWS_ACCESS_KEY_ID=keys.key_id, AWS_SECRET_ACCESS_KEY=keys.secret,
                               AWS_SESSION_TOKEN=keys.token)
        self.check_source(env, f"AssumeRole {ARN}checked", "--assume-role", ARN + "checked")
        self.check_signed(checker, n_skewed=0)

    def test_a_clock_that_is_off_does_not_keep_a_role_from_being_assumed(self):
        self.table = self.new_table(seed.traps())
        keys = self.vault.issue("lasting", lasting=True)
        checker = signature_proxy.SignatureProxy(
            self.identity.endpoint, "sts", {keys.key_id: (keys.secret, None)}, skew_seconds=1200)
        self.addCleanup(checker.stop)
        env = self.environment(AWS_ENDPOINT_URL_STS=checker.endpoint,
                               AWS_ACCESS_KEY_ID=keys.key_id, AWS_SECRET_ACCESS_KEY=keys.secret)
        self.check_source(env, f"AssumeRole {ARN}checked", "--assume-role", ARN + "checked")
        self.check_signed(checker, n_skewed=1)

    def test_a_failure_names_every_source(self):
        table = self.new_table(seed.traps(), "pk:S")
        self.use(identity_servers.Vault())
        for ranks in (0, 2):
            result = self.find_with(table, self.environment(), ranks=ranks)
            self.check_error(result, ACCESS, "no AWS credentials", "environment: AWS_ACCESS_KEY_ID",
                             "role: ", "web identity: ", "SSO: ", "credentials file: ", "process: ",
                             "config file: ", "container: ", "instance: AWS_EC2_METADATA_DISABLED")
            self.assertIn("hint: set AWS_ACCESS_KEY_ID", result.err)

    def test_a_broken_source_ends_the_chain(self):
        table = self.new_table(seed.traps(), "pk:S")
        self.write("config", "[profile sso]\nsso_account_id = 1\nsso_role_name = r\n"
                             "sso_start_url = https://corp/start\nsso_region = us-east-1\n")
        env = self.environment(AWS_PROFILE="sso", **self.instance())
        result = self.find_with(table, env)
        self.check_error(result, ACCESS, "SSO of profile 'sso': nobody is logged in")
        self.assertIn("hint: run 'aws sso login --profile sso'", result.err)
        self.assertEqual(0, self.identity.calls["instance"])

    def test_a_role_that_is_refused_says_so(self):
        table = self.new_table(seed.traps(), "pk:S")
        stranger = identity_servers.Vault().issue("nobody", lasting=True)
        env = self.environment(AWS_ACCESS_KEY_ID="STRANGER", AWS_SECRET_ACCESS_KEY=stranger.secret)
        result = self.find_with(table, env, "--assume-role", ARN + "other")
        self.check_error(result, ACCESS, f"--assume-role: AssumeRole of '{ARN}other' at ",
                         "HTTP 403, AccessDenied: UnrecognizedClientException")
        self.assertNotIn(stranger.secret, result.err)


if __name__ == "__main__":
    unittest.main()
