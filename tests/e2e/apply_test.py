"""apply, verify, undo, plan, dedup: the table ends as the oracle says, and can be had back."""

import json
import os
import subprocess
import unittest

import support  # noqa: F401
import fault_proxy
import keepone
import oracle
import seed
from keepone import ALL, RULES

IDENTITY, ANOTHER = "11111111-2222-4333-8444-555555555555", "99999999-2222-4333-8444-555555555555"


class Cases(keepone.ServerCase):
    def planned(self, items=None, rules=None, **how):
        """A table with items and its run: (table, run directory, items, verdict)."""
        table = self.new_table(items or seed.traps())
        items = self.db.scan_all(table)
        rules = rules or RULES
        folder, _ = self.find_table(table, rules, **how)
        return table, folder, items, oracle.judge(items, rules)

    def test_exactly_the_survivors_remain(self):
        for ranks, arguments in ((0, []), (4, []), (0, ["--safety", "transact"]),
                                 (3, ["--safety", "transact"]), (2, ["--unchanged"])):
            with self.subTest(ranks=ranks, arguments=arguments):
                table, folder, items, verdict = self.planned()
                planned = verdict["counts"]["planned"]
                self.assertGreater(planned, 100)
                ledger = self.apply(folder, *ALL, *arguments, ranks=ranks)
                self.check_ledger(ledger, planned=planned, deleted=planned)
                self.check_table(table, keepone.survivors(items, verdict, RULES))

    def test_applying_again_does_nothing(self):
        table, folder, items, verdict = self.planned()
        first = self.apply(folder, *ALL, ranks=2)
        proxy = fault_proxy.FaultProxy(self.server.endpoint)
        self.addCleanup(proxy.stop)
        again = self.apply(folder, *ALL, "--endpoint", proxy.endpoint, ranks=3)
        self.assertEqual(first, again)
        for operation in ("BatchExecuteStatement", "DeleteItem", "TransactWriteItems"):
            self.assertNotIn(operation, proxy.stats()["requests"])
        self.check_table(table, keepone.survivors(items, verdict, RULES))

    def test_undo_restores_every_byte(self):
        for ranks, safety in ((0, "checked"), (3, "transact")):
            table, folder, items, _ = self.planned()
            self.apply(folder, *ALL, "--safety", safety, ranks=ranks)
            with self.subTest(safety):
                self.run_ok("undo", folder, "--yes", ranks=ranks)
                self.check_table(table, keepone.texts(items))
                self.run_ok("undo", folder, "--yes")
                self.check_table(table, keepone.texts(items))

    def test_undo_never_replaces_what_took_the_place(self):
        table, folder, items, verdict = self.planned()
        self.apply(folder, *ALL)
        taken = verdict["plan"][0]["delete"]
        newcomer = json.loads(taken) | {"cause": seed.S("new")}
        self.db.put(table, newcomer)
        self.run_ok("undo", folder, "--yes", rc=keepone.UNCLEAN)
        others = [item for item in items if oracle.primary_text(item, RULES) != taken]
        self.check_table(table, keepone.texts(others + [newcomer]))

    def test_an_undone_run_accepts_no_apply(self):
        table, folder, items, _ = self.planned()
        self.apply(folder, *ALL)
        self.run_ok("undo", folder, "--yes")
        self.check_error(keepone.run("apply", folder, "--yes", *ALL), keepone.REFUSED)
        self.check_table(table, keepone.texts(items))

    def test_verify_finds_duplicates_until_they_are_gone(self):
        rules = {name: text for name, text in RULES.items() if name != "same"}
        items = [item for item in seed.traps() if item.get("cause") != seed.S("hot")]
        table, folder, _, _ = self.planned(items, rules)
        self.assertEqual(keepone.UNCLEAN, keepone.run("verify", folder, ranks=2).rc)
        self.apply(folder, *ALL)
        self.run_ok("verify", folder, ranks=2)
        self.run_ok("verify", *self.at(table), "--key", "cause")
        self.run_ok("verify", *self.at(table), "--key", "provider", rc=keepone.UNCLEAN)

    def test_nothing_is_deleted_without_a_yes(self):
        table, folder, items, _ = self.planned()
        for ranks in (0, 2):
            self.check_error(keepone.run("apply", folder, *ALL, ranks=ranks), keepone.REFUSED)
        self.check_table(table, keepone.texts(items))

    def test_limits_refuse_before_the_first_delete(self):
        table, folder, items, verdict = self.planned()
        planned, read = verdict["counts"]["planned"], verdict["counts"]["read"]
        percent = 100 * planned / read
        for arguments in (["--max-delete", planned - 1],
                          ["--max-delete-percent", f"{percent - 0.1:.4f}"]):
            result = keepone.run("apply", folder, "--yes", *arguments)
            self.check_error(result, keepone.REFUSED, planned)
            self.check_table(table, keepone.texts(items))
        self.apply(folder, "--max-delete", planned, "--max-delete-percent", f"{percent + 0.1:.4f}")

    def test_point_in_time_recovery_is_wanted(self):
        off = {"ContinuousBackupsDescription": {
            "ContinuousBackupsStatus": "ENABLED",
            "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "DISABLED"}}}
        proxy = fault_proxy.FaultProxy(self.server.endpoint, [
            {"op": "DescribeContinuousBackups", "fault": "reply", "body": off}])
        self.addCleanup(proxy.stop)
        table, folder, items, verdict = self.planned(endpoint=proxy.endpoint)
        result = keepone.run("apply", folder, "--yes", *ALL)
        self.check_error(result, keepone.REFUSED, "point-in-time")
        self.assertIn("--no-pitr-check", result.err)
        self.check_table(table, keepone.texts(items))
        self.apply(folder, *ALL, "--no-pitr-check")
        self.check_table(table, keepone.survivors(items, verdict, RULES))

    def test_a_smaller_plan_leaves_items_out(self):
        table, folder, items, verdict = self.planned()
        names = [line["delete"] for line in verdict["plan"]]
        chosen = os.path.join(self.folder, "chosen.jsonl")
        with open(chosen, "w", encoding="utf-8") as out:
            out.writelines(name + "\n" for name in names[:40])
        self.run_ok("plan", folder, "--only", chosen)
        ledger = self.apply(folder, *ALL)
        self.check_ledger(ledger, planned=40, deleted=40)
        left = [item for item in items if oracle.primary_text(item, RULES) not in names[:40]]
        self.check_table(table, keepone.texts(left))

    def test_an_excluded_item_stays(self):
        table, folder, items, verdict = self.planned()
        stays = verdict["plan"][7]["delete"]
        chosen = os.path.join(self.folder, "chosen.jsonl")
        with open(chosen, "w", encoding="utf-8") as out:
            out.write(stays + "\n")
        self.run_ok("plan", folder, "--exclude", chosen)
        self.apply(folder, *ALL)
        verdict["plan"] = [line for line in verdict["plan"] if line["delete"] != stays]
        self.check_table(table, keepone.survivors(items, verdict, RULES))

    def test_an_edited_plan_is_refused(self):
        table, folder, items, _ = self.planned()
        plan = os.path.join(folder, "plan")
        parts = sorted(name for name in os.listdir(plan) if name.startswith("part-"))
        part = os.path.join(plan, parts[3])
        lines = keepone.unpacked(part).replace(b'"pk":{"S":"', b'"pk":{"S":"a', 1)
        subprocess.run(["zstd", "-q", "-f", "-o", part], input=lines, check=True)
        self.check_error(keepone.run("apply", folder, "--yes", *ALL, ranks=2), keepone.CORRUPT,
                         os.path.basename(part))
        self.check_table(table, keepone.texts(items))

    def test_an_edited_run_is_refused(self):
        table, folder, items, _ = self.planned()
        path = os.path.join(folder, "run.json")
        with open(path, encoding="utf-8") as source:
            text = source.read()
        with open(path, "w", encoding="utf-8") as out:
            out.write(text.replace(table, "another", 1))
        self.check_error(keepone.run("apply", folder, "--yes", *ALL), keepone.CORRUPT, "run.json")
        self.check_table(table, keepone.texts(items))

    def test_a_run_of_a_table_that_was_made_anew_is_refused(self):
        proxy = fault_proxy.FaultProxy(self.server.endpoint, [
            {"op": "DescribeTable", "fault": "table_id", "body": IDENTITY}])
        self.addCleanup(proxy.stop)
        table, folder, items, _ = self.planned(endpoint=proxy.endpoint)
        proxy.set_rules([{"op": "DescribeTable", "fault": "table_id", "body": ANOTHER}])
        for verb in ("apply", "undo"):
            result = keepone.run(verb, folder, "--yes", *(ALL if verb == "apply" else []))
            self.assertEqual(keepone.REFUSED, result.rc, str(result))
        self.check_table(table, keepone.texts(items))

    def test_a_plan_from_an_export_applies_to_its_table_alone(self):
        table = self.new_table(seed.traps())
        items = self.db.scan_all(table)
        proxy = fault_proxy.FaultProxy(self.server.endpoint, [
            {"op": "DescribeTable", "fault": "table_id", "body": IDENTITY}])
        self.addCleanup(proxy.stop)
        verdict = oracle.judge(items, RULES)
        for table_id, rc in ((ANOTHER, keepone.REFUSED), (IDENTITY, keepone.DONE)):
            made = self.new_export(items, table=table, table_id=table_id)
            folder = self.new_run()
            self.run_ok("find", "--export", made.path, "--run", folder, *keepone.options(RULES))
            self.run_ok("apply", folder, "--yes", *ALL, "--endpoint", proxy.endpoint, rc=rc)
            self.check_table(table, keepone.texts(items) if rc
                             else keepone.survivors(items, verdict, RULES))

    def test_a_plan_with_another_primary_key_is_refused(self):
        table = self.new_table(seed.traps())
        made = self.new_export(self.db.scan_all(table), table=table)
        folder = self.new_run()
        rules = RULES | {"primary_key": "pk"}
        self.run_ok("find", "--export", made.path, "--run", folder, *keepone.options(rules))
        apply = ("apply", folder, "--yes", *ALL, "--endpoint", self.server.endpoint)
        self.check_error(keepone.run(*apply), keepone.REFUSED, "--primary-key pk,", "is pk,sk")
        self.assertIn('"state":"planned"', self.run_ok("show", folder, "--json").out)

    def test_an_empty_plan_needs_no_yes(self):
        table = self.new_table([{"pk": {"S": "a"}, "sk": {"N": "1"}, "cause": {"S": "x"}}])
        folder, _ = self.find_table(table, {"key": "cause", "keep": "any"})
        for _ in range(2):
            result = self.run_ok("apply", folder, "--json")
            self.check_ledger(result.json["ledger"], planned=0)

    def test_show_tells_what_will_go(self):
        _, folder, _, verdict = self.planned()
        shown = self.run_ok("show", folder, "--json").json
        counts = {name: shown["counts"][name] for name in verdict["counts"]}
        self.assertEqual(verdict["counts"], counts)
        plan = self.run_ok("show", folder, "--plan").out
        self.assertEqual(keepone.plan_bytes(folder).decode(), plan)
        review = self.run_ok("show", folder, "--review").out
        self.assertEqual(len(verdict["review"]), len(review.splitlines()))
        text = self.run_ok("show", folder).out
        self.assertIn(f"{verdict['counts']['planned']:,}", text)

    def test_dedup_finds_and_with_a_yes_applies(self):
        table = self.new_table(seed.traps())
        items = self.db.scan_all(table)
        rules = {name: text for name, text in RULES.items() if name != "primary_key"}
        dedup = ["dedup", *self.at(table), *keepone.options(rules), "--run", self.new_run(), *ALL]
        self.assertIn("apply", self.run_ok(*dedup).out)
        self.check_table(table, keepone.texts(items))
        self.run_ok(*dedup, "--yes", ranks=2)
        self.check_table(table, keepone.survivors(items, oracle.judge(items, RULES), RULES))

    def test_a_job_file_does_the_same(self):
        table = self.new_table(seed.traps())
        items = self.db.scan_all(table)
        folder = self.new_run()
        job = os.path.join(self.folder, "job.yaml")
        with open(job, "w", encoding="utf-8") as out:
            out.write(f"verb: find\ntable: {table}\nendpoint: {self.server.endpoint}\nkey: cause\n"
                      f"same: [provider]\nkeep:\n  - oldest:insertedAt\n  - any\nrun: {folder}\n")
        self.run_ok("run", job, "--check")
        self.assertFalse(os.path.exists(folder))
        self.run_ok("run", job, ranks=2)
        self.assertEqual(oracle.judge(items, RULES)["plan"], keepone.plan_pairs(folder))

    def test_a_full_disk_stops_apply_and_the_same_command_goes_on(self):
        table, folder, items, verdict = self.planned()
        result = keepone.run("apply", folder, "--yes", *ALL, "--in-flight", 1, file_bytes=3000)
        self.check_error(result, keepone.IO)
        self.assertGreater(len(self.db.scan_all(table)), len(items) - verdict["counts"]["planned"])
        self.apply(folder, *ALL)
        self.check_table(table, keepone.survivors(items, verdict, RULES))
        self.run_ok("undo", folder, "--yes")
        self.check_table(table, keepone.texts(items))

    def test_a_statement_too_long_for_partiql_is_deleted_too(self):
        long = "x" * 3000
        values = {f"{long}{j}": seed.S("v") for j in range(3)}
        items = [{"pk": seed.S("a"), "sk": seed.N(i)} | values for i in range(4)]
        rules = RULES | {"key": f"{long}0", "same": f"{long}1,{long}2", "keep": "any"}
        table, folder, items, verdict = self.planned(items, rules)
        self.check_ledger(self.apply(folder, *ALL), planned=3, deleted=3)
        self.check_table(table, keepone.survivors(items, verdict, rules))

    def test_the_journal_holds_every_image(self):
        table, folder, items, verdict = self.planned()
        self.apply(folder, *ALL, ranks=2)
        journal = os.path.join(folder, "journal")
        events = [json.loads(line) for name in os.listdir(journal)
                  for line in keepone.unpacked(os.path.join(journal, name)).splitlines()]
        images = keepone.texts(event["intent"] for event in events if "intent" in event)
        losers = {line["delete"] for line in verdict["plan"]}
        self.assertEqual(images, keepone.texts(
            item for item in items if oracle.primary_text(item, RULES) in losers))


if __name__ == "__main__":
    unittest.main()
