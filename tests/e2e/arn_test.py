"""A table named by its ARN, as one in another account is: read, deleted from, checked, put back."""

import unittest

import support  # noqa: F401
import fault_proxy
import keepone
import oracle
import seed
from keepone import ALL, RULES

REGION = "eu-west-3"
DENIED = {"__type": "com.amazon.coral.service#AccessDeniedException", "Message": "not across"}


class Cases(keepone.ServerCase):
    def arn_of(self, table):
        return f"arn:aws:dynamodb:{REGION}:123456789012:table/{table}"

    def border(self):
        """Refuses what the service does not do across accounts; shows what was asked."""
        rules = [{"op": operation, "fault": "reply", "status": 400, "body": DENIED}
                 for operation in ("DescribeTimeToLive", "DescribeContinuousBackups",
                                   "BatchExecuteStatement")]
        proxy = fault_proxy.FaultProxy(self.server.endpoint, rules)
        self.addCleanup(proxy.stop)
        return proxy

    def test_a_run_by_arn_ends_as_any_other(self):
        table = self.new_table(seed.traps(n_random=100, n_hot=20))
        items = self.db.scan_all(table)
        verdict = oracle.judge(items, RULES)
        proxy = self.border()
        folder, counts = self.find_table(self.arn_of(table), RULES, "--no-ttl",
                                         endpoint=proxy.endpoint, ranks=2)
        self.check_verdict(folder, counts, verdict)
        with open(folder + "/run.json", encoding="utf-8") as file:
            text = file.read()
        self.assertIn(self.arn_of(table), text)
        self.assertIn(f'"{REGION}"', text)

        result = keepone.run("apply", folder, "--yes", *ALL)
        self.check_error(result, keepone.REFUSED, "point-in-time recovery is not shown")
        planned = verdict["counts"]["planned"]
        ledger = self.apply(folder, *ALL, "--no-pitr-check", ranks=2)
        self.check_ledger(ledger, planned=planned, deleted=planned)
        self.check_table(table, keepone.survivors(items, verdict, RULES))

        self.run_ok("verify", folder, rc=keepone.UNCLEAN)
        self.run_ok("undo", folder, "--yes")
        self.check_table(table, keepone.texts(items))
        requests = proxy.stats()["requests"]
        self.assertGreaterEqual(requests["DeleteItem"], planned)
        self.assertNotIn("BatchExecuteStatement", requests)

    def test_the_arn_says_the_region(self):
        table = self.new_table(seed.traps(n_random=20, n_hot=5))
        arn = self.arn_of(table)
        result = keepone.run("find", *self.at(arn), "--run", self.new_run(), "--key", "cause",
                             "--keep", "any", "--region", "us-east-2")
        self.check_error(result, keepone.OPTION, "--region is us-east-2", f"ARN says {REGION}")
        self.run_ok("find", *self.at(arn), "--run", self.new_run(), "--key", "cause", "--keep",
                    "any", "--region", REGION)

    def test_a_time_to_live_that_is_not_shown_is_no_secret(self):
        table = self.new_table(seed.traps(n_random=20, n_hot=5))
        find = ("find", *self.at(self.arn_of(table), self.border().endpoint), "--key", "cause",
                "--keep", "any", "--run")
        self.check_error(keepone.run(*find, self.new_run(), ranks=2), keepone.REFUSED,
                         "expire is not shown to this account")
        self.run_ok(*find, self.new_run(), "--ttl", "expiresAt")
        self.run_ok(*find, self.new_run(), "--no-ttl")
        self.run_ok("find", *self.at(table), "--key", "cause", "--keep", "any", "--run",
                    self.new_run())

    def test_a_time_to_live_that_is_shown_is_not_talked_away(self):
        table = self.new_table(seed.traps(n_random=20, n_hot=5))
        self.db.call("UpdateTimeToLive", {"TableName": table, "TimeToLiveSpecification":
                                       {"Enabled": True, "AttributeName": "expiresAt"}})
        find = ("find", *self.at(table), "--key", "cause", "--keep", "any", "--run",
                self.new_run())
        self.check_error(keepone.run(*find, "--no-ttl"), keepone.REFUSED, "expire by 'expiresAt'")

    def test_other_arns_are_refused(self):
        for arn in (self.arn_of("Orders") + "/index/by-date", "arn:aws:s3:::bucket"):
            result = keepone.run("find", *self.at(arn), "--run", self.new_run(), "--key", "cause",
                                 "--keep", "any")
            self.check_error(result, keepone.OPTION, "is not the ARN of a table")


if __name__ == "__main__":
    unittest.main()
