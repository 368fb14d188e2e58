"""find on a live table: parallel scans, filters, and the same plan as from an export."""

import unittest

import support  # noqa: F401
import dynamodb_local
import fault_proxy
import keepone
import oracle
import seed
from keepone import RULES


class Cases(keepone.ServerCase):
    def test_segments_and_ranks_make_no_difference(self):
        table = self.new_table(seed.traps())
        verdict = oracle.judge(self.db.scan_all(table), RULES)
        plans = set()
        for ranks, segments in ((1, 1), (2, 7), (3, 64), (5, 2), (8, 16)):
            with self.subTest(ranks=ranks, segments=segments):
                folder, counts = self.find_table(table, RULES, "--segments", segments, ranks=ranks)
                self.check_verdict(folder, counts, verdict)
                plans.add(keepone.plan_bytes(folder))
        self.assertEqual(1, len(plans))

    def test_an_export_of_the_table_gives_the_same_plan(self):
        table = self.new_table(seed.traps(5))
        items = self.db.scan_all(table)
        live, counts = self.find_table(table, RULES, "--consistent")
        folder = self.new_run()
        result = self.run_ok("find", "--export", self.new_export(items).path, "--run", folder,
                             "--json", *keepone.options(RULES))
        self.assertEqual(counts, result.json["counts"])
        self.assertEqual(keepone.plan_bytes(live), keepone.plan_bytes(folder))

    def test_keys_of_every_kind(self):
        for hash_key, range_key, make in (
                ("pk:S", None, lambda i: {"pk": seed.S(f"k{i}")}),
                ("id:N", None, lambda i: {"id": seed.N(i * 7 - 20)}),
                ("b:B", "n:N", lambda i: {"b": {"B": "AAH/"}, "n": seed.N(9 - i)}),
                ("select:S", "a-b:S", lambda i: {"select": seed.S("x"), "a-b": seed.S(f"{i}")})):
            items = [make(i) | {"cause": seed.S(f"c{i % 4}")} for i in range(12)]
            table = self.new_table(items, hash_key, range_key)
            names = ",".join(self.db.key_names(table))
            rules = {"key": "cause", "keep": "any", "primary_key": names}
            with self.subTest(hash_key, range_key=range_key):
                folder, counts = self.find_table(table, rules)
                self.check_verdict(folder, counts, oracle.judge(items, rules))

    def test_names_that_need_placeholders(self):
        odd = "a.b#c-d size"
        items = [{"pk": seed.S("x"), "sk": seed.N(i), odd: seed.S(f"k{i % 3}"), "select": seed.N(i)}
                 for i in range(9)]
        table = self.new_table(items)
        rules = {"key": r"a\.b#c-d size", "keep": "max:select", "primary_key": "pk,sk"}
        folder, counts = self.find_table(table, rules)
        self.check_verdict(folder, counts, oracle.judge(items, rules))

    def test_where_filters_and_counts(self):
        items = [item | {"attempts": seed.N(i % 9)} for i, item in enumerate(seed.traps(6))]
        table = self.new_table(items)
        for where, wanted in (
                ('status = "old" AND attempts > 3', lambda item: item.get("status") == seed.S("old")
                 and int(item["attempts"]["N"]) > 3),
                ("attribute_exists(meta.id) OR NOT (attempts < 8)", lambda item: "id" in item.get(
                    "meta", {}).get("M", {}) or int(item["attempts"]["N"]) >= 8),
                ('begins_with(provider, "did:web:a") AND pinned = true', lambda item: item.get(
                    "provider") == seed.PROVIDERS[0] and item.get("pinned") == {"BOOL": True})):
            kept = list(filter(wanted, items))
            rules = RULES | {"keep": "oldest:insertedAt,any"}
            verdict = oracle.judge(kept, rules)
            verdict["counts"] |= {"read": len(items), "filtered": len(items) - len(kept)}
            with self.subTest(where):
                folder, counts = self.find_table(table, rules, "--where", where, ranks=2)
                self.check_verdict(folder, counts, verdict)

    def test_short_and_empty_pages(self):
        table = self.new_table(seed.traps(7, n_random=100, n_hot=20))
        proxy = fault_proxy.FaultProxy(self.server.endpoint, [
            {"op": "Scan", "fault": "short_page", "limit": 7}])
        self.addCleanup(proxy.stop)
        verdict = oracle.judge(self.db.scan_all(table), RULES)
        folder, counts = self.find_table(table, RULES, endpoint=proxy.endpoint, ranks=2)
        self.check_verdict(folder, counts, verdict)
        self.assertGreater(proxy.stats()["faults"]["Scan short_page"], 20)

    def test_the_same_find_again_reads_nothing(self):
        table = self.new_table(seed.traps())
        folder, _ = self.find_table(table, RULES)
        plan = keepone.plan_bytes(folder)
        rules = [*self.at(table, "http://127.0.0.1:1"), "--run", folder, "--keep",
                 "oldest:insertedAt,any", "--key", "cause"]
        again = self.run_ok("find", *rules, "--same", "provider", ranks=2)
        self.assertIn("is in " + folder + " already, the run is planned", again.out)
        again = self.run_ok("find", *rules, "--same", "provider", "--json")
        self.assertEqual("planned", again.json["state"])
        self.check_error(keepone.run("find", *rules), keepone.REFUSED, "same")
        self.assertEqual(plan, keepone.plan_bytes(folder))

    def test_an_empty_table_gives_an_empty_plan(self):
        _, counts = self.find_table(self.new_table([]), RULES, ranks=2)
        self.assertEqual({0}, set(counts.values()))

    def test_a_table_that_is_not_there(self):
        result = keepone.run("find", *self.at("nowhere"), "--run", self.new_run(), "--key", "a",
                             "--keep", "any")
        self.check_error(result, keepone.ACCESS, "nowhere")

    def test_an_endpoint_that_does_not_answer(self):
        endpoint = f"http://127.0.0.1:{dynamodb_local.free_port()}"
        for ranks in (0, 3):
            result = keepone.run("find", *self.at("space-diff", endpoint), "--run", self.new_run(),
                                 "--key", "a", "--keep", "any", ranks=ranks)
            self.check_error(result, keepone.AWS, endpoint.removeprefix("http://"))


if __name__ == "__main__":
    unittest.main()
