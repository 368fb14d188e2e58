"""Every request is signed as an independent signer signs it; a wrong clock is corrected once."""

import collections
import os
import re
import unittest

import support  # noqa: F401
import export_server
import keepone
import oracle
import seed
import signature_proxy
from keepone import ALL, RULES

KEY_ID, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "FQoGZXIvYXdz/+=="
LONG_TERM = {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET}
TEMPORARY = LONG_TERM | {"AWS_SESSION_TOKEN": TOKEN}
DESCRIPTIONS = {"DescribeTable", "DescribeTimeToLive", "DescribeContinuousBackups"}
CLOCK_LINE = re.compile(r"(R\d+)? *this machine's clock is (-?\d+) s off")


class Cases(keepone.ServerCase):
    """Everything goes through a proxy that takes right signatures alone."""

    def witness(self, token=None, secret=SECRET, upstream=None, **how):
        proxy = signature_proxy.SignatureProxy(upstream or self.server.endpoint, "dynamodb",
                                               {KEY_ID: (secret, token)}, **how)
        self.addCleanup(proxy.stop)
        return proxy

    def check_witness(self, proxy, kinds):
        stats = proxy.stats()
        self.assertEqual([], stats["wrong"])
        if kinds is not None:
            self.assertEqual(kinds, set(stats["kinds"]))
        return stats

    def story(self, proxy, env, *arguments, ranks=2):
        """find, apply, verify, undo of a table; returns all that was said and the run directory."""
        table = self.new_table(seed.traps(n_random=150, n_hot=30))
        items = self.db.scan_all(table)
        verdict = oracle.judge(items, RULES)
        how = {"ranks": ranks, "env": env}
        said = []
        folder, counts = self.find_table(table, RULES, "--segments", 8, "--consistent",
                                         endpoint=proxy.endpoint, **how)
        self.check_verdict(folder, counts, verdict)
        result = self.run_ok("apply", folder, "--yes", *ALL, *arguments, "--log-level", "debug",
                             **how)
        said += [result.out, result.err]
        self.check_table(table, keepone.survivors(items, verdict, RULES))
        self.run_ok("verify", folder, rc=keepone.UNCLEAN, **how)
        result = self.run_ok("undo", folder, "--yes", "--log-level", "debug", **how)
        said += [result.out, result.err]
        self.check_table(table, keepone.texts(items))
        return "".join(said), folder

    def test_every_request_of_a_checked_run_is_signed(self):
        proxy = self.witness()
        self.story(proxy, LONG_TERM)
        self.check_witness(proxy, DESCRIPTIONS | {"Scan", "BatchGetItem", "BatchExecuteStatement",
                                                  "PutItem"})

    def test_every_request_of_a_transact_run_is_signed_with_its_token(self):
        proxy = self.witness(TOKEN)
        self.story(proxy, TEMPORARY, "--safety", "transact", ranks=3)
        self.check_witness(proxy, DESCRIPTIONS | {"Scan", "BatchGetItem", "TransactWriteItems",
                                                  "PutItem"})

    def test_conditions_too_long_for_a_statement_are_signed(self):
        names = ["n" * 200 + str(i) for i in range(40)]
        items = [{"pk": {"S": str(i)}, "sk": {"N": "1"}, "cause": {"S": "c"},
                  **{name: {"S": "x"} for name in names}} for i in range(3)]
        table = self.new_table(items)
        proxy = self.witness()
        folder, _ = self.find_table(table, {"key": "cause", "keep": "any"}, env=LONG_TERM,
                                    endpoint=proxy.endpoint)
        self.apply(folder, *ALL, "--unchanged", env=LONG_TERM)
        self.assertEqual(1, len(self.db.scan_all(table)))
        self.check_witness(proxy, DESCRIPTIONS | {"Scan", "BatchGetItem", "DeleteItem"})

    def test_exports_are_signed(self):
        exports = export_server.ExportServer(self.server.endpoint, lambda *_: None)
        self.addCleanup(exports.stop)
        table = self.new_table(seed.traps(n_random=20, n_hot=5))
        exports.snapshot(table, "2026-01-31T12:00:00Z")
        proxy = self.witness(TOKEN, upstream=exports.endpoint)
        self.run_ok("export", *self.at(table, proxy.endpoint), "--to", "s3://exports/1",
                    env=TEMPORARY)
        self.assertLessEqual({"ExportTableToPointInTime", "DescribeExport"},
                             set(self.check_witness(proxy, None)["kinds"]))

    def test_another_region_is_signed_for(self):
        proxy = self.witness(region="eu-central-1")
        table = self.new_table(seed.traps(n_random=20, n_hot=5))
        self.find_table(table, RULES, "--region", "eu-central-1", endpoint=proxy.endpoint,
                        env=LONG_TERM)
        self.check_witness(proxy, DESCRIPTIONS | {"Scan"})

    def test_a_clock_that_is_off_is_corrected_once(self):
        for skew, ranks in ((1200, 2), (-1200, 1)):
            with self.subTest(skew=skew):
                proxy = self.witness(skew_seconds=skew)
                said, _ = self.story(proxy, LONG_TERM, ranks=ranks)
                stats = proxy.stats()
                self.assertEqual([], stats["wrong"])
                self.assertGreater(stats["skewed"], 0)
                lines = CLOCK_LINE.findall(said)
                offs = [int(seconds) for _, seconds in lines]
                self.assertTrue(all(abs(off + skew) <= 2 for off in offs), offs)
                # apply and undo: one correction in each rank of each.
                counts = collections.Counter(rank for rank, _ in lines)
                self.assertGreater(len(counts), 0, said)
                self.assertLessEqual(max(counts.values()), 2, said)

    def test_a_wrong_secret_is_not_tried_again(self):
        table = self.new_table(seed.traps(n_random=20, n_hot=5))
        for skew in (0, 1200):
            with self.subTest(skew=skew):
                proxy = self.witness(TOKEN, secret="another", skew_seconds=skew)
                result = keepone.run("find", *self.at(table, proxy.endpoint), "--run",
                                     self.new_run(), "--key", "cause", "--keep", "any",
                                     "--log-level", "debug", env=TEMPORARY, ranks=2)
                self.check_error(result, keepone.ACCESS, "InvalidSignatureException",
                                 "does not match")
                stats = proxy.stats()
                self.assertEqual(1, len(stats["wrong"]), stats)
                self.assertEqual(1 if skew else 0, stats["skewed"])
                # The service explains with the canonical request, which holds the token.
                self.assertIn("x-amz-security-token:" + TOKEN, stats["wrong"][0])
                self.assertNotIn(TOKEN, result.out + result.err)

    def test_secrets_are_in_nothing_that_a_run_writes(self):
        proxy = self.witness(TOKEN)
        said, folder = self.story(proxy, TEMPORARY)
        secrets = [SECRET, TOKEN, "AWS4-HMAC-SHA256", *proxy.stats()["signatures"]]
        self.assertGreater(len(secrets), 10)
        self.check_absent(secrets, "output", said.encode())
        n_files = 0
        for place, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(place, name)
                with open(path, "rb") as file:
                    content = file.read()
                if name.endswith(".zst"):
                    content += keepone.unpacked(path)
                self.check_absent(secrets, path, content)
                n_files += 1
        self.assertGreater(n_files, 4)

    def check_absent(self, secrets, where, content):
        for secret in secrets:
            self.assertNotIn(secret.encode(), content, f"{secret} in {where}")


if __name__ == "__main__":
    unittest.main()
