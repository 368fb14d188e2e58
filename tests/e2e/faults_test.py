"""Throttles, partial batches, 500s, cut and lost replies: every loser is accounted for."""

import unittest

import support  # noqa: F401
import fault_proxy
import keepone
import oracle
import seed
from keepone import ALL, RULES
WRITES = ("BatchExecuteStatement", "TransactWriteItems")


def often(fault, *operations, probability=0.3, **more):
    return [{"op": operation, "fault": fault, "probability": probability} | more
            for operation in operations]


# A name and what goes wrong; every run must end as if nothing had.
FAULTS = {
    "throttled": often("throttle", "*", probability=0.1),  # each waits up to a second, and more
    "partial batches": often("partial", "BatchGetItem", *WRITES, probability=0.2),
    "whole batches refused": often("partial", "BatchGetItem", "BatchExecuteStatement", share=1),
    "errors before": often("error_before", "*") + often("html", "*", probability=0.1),
    "errors after": often("error_after", *WRITES, "PutItem", "BatchGetItem"),
    "cut replies": often("cut_after", *WRITES, "PutItem", "BatchGetItem", "Scan"),
    "lost replies": often("drop_after", *WRITES, "PutItem", "BatchGetItem", "Scan"),
    "refused connections": often("drop_before", "*"),
    "wrong checksums": often("crc", *WRITES, "PutItem", "BatchGetItem", "Scan"),
    "everything": (often("throttle", "*", probability=0.05) + often("partial", "*", probability=0.2)
                   + often("drop_after", *WRITES, probability=0.1)
                   + often("error_after", *WRITES, probability=0.1)
                   + often("cut_after", "*", probability=0.05)
                   + often("slow", "*", probability=0.05, seconds=0.2)),
}


class Cases(keepone.ServerCase):
    def through(self, rules, number=1):
        proxy = fault_proxy.FaultProxy(self.server.endpoint, rules, number)
        self.addCleanup(proxy.stop)
        return proxy

    def check_story(self, name, safety, ranks):
        """find, apply and undo through the faults; the table is right after each."""
        table = self.new_table(seed.traps(n_random=100, n_hot=30))
        items = self.db.scan_all(table)
        verdict = oracle.judge(items, RULES)
        proxy = self.through(FAULTS[name], len(name))
        folder, counts = self.find_table(table, RULES, "--segments", 4,
                                         endpoint=proxy.endpoint, ranks=ranks)
        self.check_verdict(folder, counts, verdict)

        ledger = self.apply(folder, *ALL, "--safety", safety, "--in-flight", 4, ranks=ranks)
        planned = verdict["counts"]["planned"]
        self.check_ledger(ledger, planned=planned, deleted=planned)
        self.check_table(table, keepone.survivors(items, verdict, RULES))

        self.run_ok("undo", folder, "--yes", ranks=ranks)
        self.check_table(table, keepone.texts(items))
        self.assertGreater(sum(proxy.stats()["faults"].values()), 0, proxy.stats())
        return ledger

    def check_all(self, names, safety):
        for ranks, name in enumerate(names):
            with self.subTest(name, safety=safety):
                self.check_story(name, safety, 1 + ranks % 3)

    def test_refusals_lose_nothing(self):
        self.check_all(("throttled", "partial batches", "whole batches refused", "errors before",
                        "refused connections"), "checked")

    def test_refusals_lose_nothing_in_transactions(self):
        self.check_all(("throttled", "partial batches", "errors before"), "transact")

    def test_unknown_outcomes_are_settled(self):
        self.check_all(("errors after", "cut replies", "wrong checksums"), "checked")

    def test_unknown_outcomes_are_settled_in_transactions(self):
        self.check_all(("errors after", "lost replies"), "transact")

    def test_everything_at_once(self):
        self.check_all(("everything",), "checked")
        self.check_all(("everything",), "transact")

    def test_a_lost_reply_is_deleted_but_unconfirmed_and_can_be_undone(self):
        ledger = self.check_story("lost replies", "checked", 2)
        self.assertGreater(ledger["unconfirmed"], 0)
        self.assertLessEqual(ledger["unconfirmed"], ledger["deleted"])

    def test_failed_deletes_are_not_reported_as_done(self):
        table = self.new_table(seed.traps(n_random=100, n_hot=20))
        items = self.db.scan_all(table)
        verdict = oracle.judge(items, RULES)
        folder, _ = self.find_table(table, RULES)
        denied = {"Responses": [{"Error": {"Code": "AccessDenied", "Message": "no"}}]}
        proxy = self.through([{"op": "BatchExecuteStatement", "fault": "reply", "body": denied}]
                             + often("throttle", "DeleteItem", "TransactWriteItems",
                                     probability=1, code="AccessDeniedException"))
        result = keepone.run("apply", folder, "--yes", *ALL, "--endpoint", proxy.endpoint)
        self.assertIn(result.rc, (keepone.PARTIAL, keepone.ACCESS, keepone.AWS), str(result))
        self.check_table(table, keepone.texts(items))
        ledger = self.apply(folder, *ALL)
        planned = verdict["counts"]["planned"]
        self.check_ledger(ledger, planned=planned, deleted=planned)
        self.check_table(table, keepone.survivors(items, verdict, RULES))

    def test_wrong_credentials_stop_at_once(self):
        table = self.new_table(seed.traps(n_random=20, n_hot=5))
        proxy = self.through(often("throttle", "*", probability=1,
                                   code="UnrecognizedClientException"))
        result = keepone.run("find", *self.at(table, proxy.endpoint), "--run", self.new_run(),
                             "--key", "cause", "--keep", "any", ranks=2)
        self.check_error(result, keepone.ACCESS)
        self.assertLess(sum(proxy.stats()["requests"].values()), 10)


if __name__ == "__main__":
    unittest.main()
