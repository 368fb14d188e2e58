"""Somebody writes to the table while apply works: no key loses its last copy."""

import collections
import json
import random
import threading
import time
import unittest

import support  # noqa: F401
import dynamodb_local
import fault_proxy
import keepone
import oracle
import seed
from keepone import ALL

RULES = {"key": "cause", "keep": "oldest:insertedAt", "primary_key": "pk,sk"}
CHECK = "BatchGetItem"
DELETE = {"checked": "BatchExecuteStatement", "transact": "TransactWriteItems"}
# Only a transaction guards the keeper to the end.
KEEPER_MOMENTS = [("checked", CHECK), ("checked", DELETE["checked"]),
                  ("transact", CHECK), ("transact", DELETE["transact"])]


def item(cause, number, /, **more):
    """The lowest number of a cause is its keeper."""
    return {"pk": seed.S(f"{cause}-{number}"), "sk": seed.N(number), "cause": seed.S(cause),
            "insertedAt": seed.S(f"2024-01-{number:02d}"), "status": seed.S("old"),
            "body": seed.S("as it was")} | more


def key(cause, number):
    return {name: item(cause, number)[name] for name in ("pk", "sk")}


class Cases(keepone.ServerCase):
    def story(self, edit, when, cause, safety="checked", where=(), n_copies=3):
        """Applies a plan for causes a, b, c, each n_copies times.

        The edit [[operation, body], ...] happens before the first request of the operation `when`
        that names the item `cause`-2.  Returns (ledger, items afterwards by pk, run directory).
        """
        self.items = [item(c, number) for c in "abc" for number in range(1, n_copies + 1)]
        self.table = self.new_table(self.items)
        folder, _ = self.find_table(self.table, RULES, *where)
        edits = [[operation, {"TableName": self.table} | body] for operation, body in edit]
        proxy = fault_proxy.FaultProxy(self.server.endpoint, [
            {"op": when, "match": f"{cause}-2", "times": 1, "edit": edits}])
        self.addCleanup(proxy.stop)
        result = keepone.run("apply", folder, "--yes", "--json", *ALL, "--safety", safety,
                             "--endpoint", proxy.endpoint)
        self.assertEqual(len(edits), proxy.stats()["edits"], str(result))
        ledger = result.json["ledger"]
        is_clean = ledger["deleted"] + ledger["gone"] == ledger["planned"]
        self.assertEqual(keepone.DONE if is_clean else keepone.UNCLEAN, result.rc, str(result))
        left = {one["pk"]["S"]: one for one in self.db.scan_all(self.table)}
        return ledger, left, folder

    def moments(self):
        """Both safeties, each with both moments: before the check, between check and delete."""
        return [(safety, when) for safety in DELETE for when in (CHECK, DELETE[safety])]

    def test_a_loser_that_no_longer_has_the_key_stays(self):
        edited = item("b", 2, cause=seed.S("another"))
        for safety, when in self.moments():
            with self.subTest(safety, when=when):
                ledger, left, _ = self.story([["PutItem", {"Item": edited}]], when, "b", safety)
                self.check_ledger(ledger, planned=6, deleted=5, changed=1)
                self.assertEqual({"a-1", "b-1", "b-2", "c-1"}, set(left))
                self.assertEqual(edited, left["b-2"])

    def test_a_loser_with_another_date_stays(self):
        edited = item("b", 2, insertedAt=seed.S("2023-01-01"))
        for safety, when in self.moments():
            with self.subTest(safety, when=when):
                ledger, left, _ = self.story([["PutItem", {"Item": edited}]], when, "b", safety)
                self.check_ledger(ledger, planned=6, deleted=5, changed=1)
                self.assertEqual(edited, left["b-2"])

    def test_undo_gives_back_the_loser_as_it_was_at_its_end(self):
        edited = item("b", 2, body=seed.S("edited"))
        for safety, when in self.moments():
            with self.subTest(safety, when=when):
                ledger, _, folder = self.story([["PutItem", {"Item": edited}]], when, "b", safety)
                self.check_ledger(ledger, planned=6, deleted=6)
                self.run_ok("undo", folder, "--yes")
                expected = [edited if one["pk"] == edited["pk"] else one for one in self.items]
                if safety == "checked" or when == CHECK:  # a transaction returns no old image
                    self.check_table(self.table, keepone.texts(expected))

    def test_a_deleted_keeper_spares_its_losers(self):
        for safety, when in KEEPER_MOMENTS:
            with self.subTest(safety, when=when):
                edit = [["DeleteItem", {"Key": key("b", 1)}]]
                ledger, left, _ = self.story(edit, when, "b", safety)
                self.check_ledger(ledger, planned=6, deleted=4, spared=2)
                self.assertEqual({"a-1", "b-2", "b-3", "c-1"}, set(left))

    def test_a_keeper_with_another_key_spares_its_losers(self):
        edited = item("b", 1, cause=seed.S("another"))
        for safety, when in KEEPER_MOMENTS:
            with self.subTest(safety, when=when):
                ledger, left, _ = self.story([["PutItem", {"Item": edited}]], when, "b", safety)
                self.check_ledger(ledger, planned=6, deleted=4, spared=2)
                self.assertEqual({"a-1", "b-1", "b-2", "b-3", "c-1"}, set(left))

    def test_a_loser_that_is_gone_counts_as_gone(self):
        for safety, when in self.moments():
            with self.subTest(safety, when=when):
                edit = [["DeleteItem", {"Key": key("b", 2)}]]
                ledger, left, folder = self.story(edit, when, "b", safety)
                self.check_ledger(ledger, planned=6, deleted=5, gone=1)
                self.assertEqual({"a-1", "b-1", "c-1"}, set(left))
                self.run_ok("undo", folder, "--yes")
                self.assertNotIn("b-2", [one["pk"]["S"] for one in self.db.scan_all(self.table)])

    def test_an_item_made_anew_under_the_same_primary_key_stays(self):
        anew = item("b", 2, cause=seed.S("anew"), insertedAt=seed.S("2024-06-01"))
        edit = [["DeleteItem", {"Key": key("b", 2)}], ["PutItem", {"Item": anew}]]
        for safety, when in self.moments():
            with self.subTest(safety, when=when):
                ledger, left, _ = self.story(edit, when, "b", safety)
                self.check_ledger(ledger, planned=6, deleted=5, changed=1)
                self.assertEqual(anew, left["b-2"])

    def test_a_status_that_no_longer_matches_where_saves_the_item(self):
        edited = item("b", 2, status=seed.S("live"))
        for safety, when in self.moments():
            with self.subTest(safety, when=when):
                ledger, left, _ = self.story([["PutItem", {"Item": edited}]], when, "b", safety,
                                             where=["--where", 'status = "old"'])
                self.check_ledger(ledger, planned=6, deleted=5, changed=1)
                self.assertEqual(edited, left["b-2"])

    def test_unchanged_saves_an_item_with_any_other_attribute(self):
        self.items = [item("a", number) for number in range(1, 4)]
        table = self.new_table(self.items)
        folder, _ = self.find_table(table, RULES)
        edited = item("a", 2, body=seed.S("edited"))
        edit = [["PutItem", {"TableName": table, "Item": edited}]]
        proxy = fault_proxy.FaultProxy(self.server.endpoint, [
            {"op": "BatchExecuteStatement", "times": 1, "edit": edit}])
        self.addCleanup(proxy.stop)
        result = keepone.run("apply", folder, "--yes", "--json", *ALL, "--unchanged",
                             "--endpoint", proxy.endpoint)
        self.assertEqual(1, proxy.stats()["edits"], str(result))
        self.assertEqual(keepone.UNCLEAN, result.rc, str(result))
        ledger = result.json["ledger"]
        self.check_ledger(ledger, planned=2, deleted=1, changed=1)
        self.assertIn(edited, self.db.scan_all(table))

    def test_a_busy_writer_never_costs_a_key_its_last_copy(self):
        for safety in DELETE:
            with self.subTest(safety):
                self.check_busy_writer(safety)

    def check_busy_writer(self, safety):
        """The writer edits losers and keepers and makes items anew; with transactions it deletes
        keepers too."""
        rng = random.Random(7)
        items = [item(f"k{group}", number) for group in range(150)
                 for number in range(1, rng.randint(2, 5) + 1)]
        table = self.new_table(items)
        folder, _ = self.find_table(table, RULES)
        pairs = [[{"TableName": table, "Key": json.loads(line[side])}
                  for side in ("keep", "delete")] for line in oracle.judge(items, RULES)["plan"]]
        written, stop = collections.Counter(), threading.Event()

        def write():
            db = self.server.client()
            while not stop.is_set():
                victim = rng.choice(items)
                what = rng.choice(("edit", "move", "delete" if safety == "transact" else "edit"))
                written[what] += 1
                if what == "edit":
                    db.put(table, victim | {"body": seed.S(str(rng.random()))})
                elif what == "move":
                    db.put(table, victim | {"insertedAt": seed.S("2025-01-01")})
                else:
                    delete_keeper(db, *rng.choice(pairs))
                time.sleep(0.002)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            result = keepone.run("apply", folder, "--yes", "--json", *ALL, "--safety", safety,
                                 ranks=2)
        finally:
            stop.set()
            writer.join()
        self.assertIn(result.rc, (keepone.DONE, keepone.UNCLEAN), str(result))
        ledger = result.json["ledger"]
        self.assertEqual(ledger["planned"], sum(ledger[name] for name in (
            "deleted", "gone", "changed", "spared", "failed")))
        self.assertEqual(0, ledger["failed"])
        left = collections.Counter(one["cause"]["S"] for one in self.db.scan_all(table))
        self.assertEqual(set(), {one["cause"]["S"] for one in items} - set(left), (written, ledger))


def delete_keeper(db, keeper, loser):
    """As an application would that knows of the copies: only while the loser is there."""
    try:
        check = loser | {"ConditionExpression": "attribute_exists(pk)"}
        db.call("TransactWriteItems", {"TransactItems": [{"ConditionCheck": check},
                                                         {"Delete": keeper}]})
    except dynamodb_local.Error:
        pass  # the loser is gone: the keeper stays


if __name__ == "__main__":
    unittest.main()
