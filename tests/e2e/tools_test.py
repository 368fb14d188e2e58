"""The tools of the other cases: the proxy fails as it says, the oracle decides what is right."""

import gzip
import http.client
import json
import unittest

import support  # noqa: F401
import dynamodb_local
import fault_proxy
import keepone
import oracle
import seed

# fault: is the write done although the caller sees a failure?
IS_DONE = {"throttle": False, "error_before": False, "html": False, "drop_before": False,
           "error_after": True, "drop_after": True, "cut_after": True, "crc": True}


class Cases(keepone.ServerCase):
    def setUp(self):
        super().setUp()
        self.proxy = fault_proxy.FaultProxy(self.server.endpoint)
        self.addCleanup(self.proxy.stop)
        self.client = dynamodb_local.Client(self.proxy.endpoint)
        self.items = [{"pk": seed.S(f"{i}"), "sk": seed.N(1)} for i in range(20)]
        self.table = self.new_table(self.items)

    def test_a_fault_is_a_failure_for_the_caller_done_or_not(self):
        for fault, is_done in IS_DONE.items():
            with self.subTest(fault):
                self.db.put(self.table, self.items[0])
                self.proxy.set_rules([{"op": "DeleteItem", "fault": fault, "times": 1}])
                with self.assertRaises((dynamodb_local.Error, OSError, ValueError,
                                        http.client.HTTPException)):
                    self.client.delete(self.table, self.items[0])
                self.assertEqual(is_done, self.items[0] not in self.db.scan_all(self.table))
                self.assertEqual({f"DeleteItem {fault}": 1}, self.proxy.stats()["faults"])
                self.client.delete(self.table, self.items[0])

    def test_partial_reads_give_some_items_and_name_the_others(self):
        for share, n_refused in ((0.25, 5), (1, 20)):
            self.proxy.set_rules([{"op": "BatchGetItem", "fault": "partial", "share": share}])
            reply = self.client.call("BatchGetItem", {"RequestItems": {
                self.table: {"Keys": self.items, "ConsistentRead": True}}})
            waiting = reply["UnprocessedKeys"][self.table]
            self.assertTrue(waiting["ConsistentRead"])
            self.assertEqual(n_refused, len(waiting["Keys"]))
            self.assertEqual(keepone.texts(self.items),
                             keepone.texts(reply["Responses"][self.table] + waiting["Keys"]))

    def test_partial_statements_are_errors_and_not_done(self):
        statement = f'DELETE FROM "{self.table}" WHERE "pk"=? AND "sk"=? RETURNING ALL OLD *'
        statements = [{"Statement": statement, "Parameters": list(item.values())}
                      for item in self.items]
        self.proxy.set_rules([{"op": "BatchExecuteStatement", "fault": "partial", "share": 0.3}])
        replies = self.client.call("BatchExecuteStatement", {"Statements": statements})["Responses"]
        refused = [item for item, reply in zip(self.items, replies) if "Error" in reply]
        self.assertEqual(6, len(refused))
        self.check_table(self.table, keepone.texts(refused))

    def test_an_edit_happens_just_before_the_request_that_matches(self):
        self.proxy.set_rules([{"op": "DeleteItem", "match": '"7"', "times": 1, "edit": [
            ["PutItem", {"TableName": self.table, "Item": {"pk": seed.S("x"), "sk": seed.N(2)}}]]}])
        self.client.delete(self.table, self.items[6])
        self.assertEqual(19, len(self.db.scan_all(self.table)))
        self.client.delete(self.table, self.items[7])
        self.assertEqual(19, len(self.db.scan_all(self.table)))
        self.assertEqual(1, self.proxy.stats()["edits"])

    def test_an_export_holds_what_was_given_however_it_is_written(self):
        items = seed.traps()
        for how in ({}, {"escapes": "ascii", "n_files": 1}, {"n_members": 5, "n_empty": 3},
                    {"escapes": "mixed", "space": True, "shuffle": True, "n_files": 9}):
            made = self.new_export(items, **how)
            back = oracle.read_export(made.path)
            self.assertEqual(keepone.texts(items), keepone.texts(back))

    def test_a_broken_export_cannot_be_read_as_a_good_one(self):
        for broken in ("cut", "crc", "json", "utf8", "not_item"):
            made = self.new_export(seed.traps(), broken=broken)
            n_good = 0
            with self.subTest(broken), self.assertRaises((ValueError, KeyError, EOFError, OSError)):
                with gzip.open(made.bad_file) as lines:
                    for line in lines:
                        self.assertIn("pk", json.loads(line.decode())["Item"])
                        n_good += 1
            if made.bad_line:
                self.assertEqual(made.bad_line, n_good + 1)

    def test_the_space_diff_table_has_the_duplicates_it_claims(self):
        diff = seed.space_diff(3000)
        counts = oracle.judge(diff.items, keepone.RULES)["counts"]
        self.assertEqual((3000, diff.n_groups, diff.n_losers),
                         (counts["read"], counts["keepers"], counts["planned"]))

    def test_the_oracle_decides_what_a_person_would(self):
        def item(number, cause, **more):
            return {"pk": seed.S("a"), "sk": seed.N(number), "cause": cause} | more

        def time(text):
            return {"insertedAt": seed.S(text)}

        items = [item(1, seed.S("x"), **time("2024-01-02")), item(2, seed.S("x"), **time("bad")),
                 item(10, seed.S("x"), **time("2024-01-01T23:30:00-01:00")),
                 item(9, seed.N("1.0")), item(-9, seed.N("1")), item(3, seed.S("1")),
                 item(4, seed.S("")), item(5, {"NULL": True}), item(6, seed.S("y"))]
        verdict = oracle.judge(items, keepone.RULES)

        def key(number):
            return f'{{"pk":{{"S":"a"}},"sk":{{"N":"{number}"}}}}'

        self.assertEqual([{"delete": key(number), "keep": key(keep)}
                          for number, keep in ((10, 1), (2, 1), (9, -9))], verdict["plan"])
        self.assertEqual((2, 2), (verdict["counts"]["missing"], verdict["counts"]["unique"]))


if __name__ == "__main__":
    unittest.main()
