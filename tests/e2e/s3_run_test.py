"""Run directories on S3: what a local folder gives, s3:// gives, and as safely."""

import json
import os
import unittest

import support  # noqa: F401
import fault_proxy
import keepone
import oracle
import s3_case
import s3_fault_proxy
import seed
from keepone import ALL, RULES
from s3_case import BUCKET

TABLE_RULES = {name: text for name, text in RULES.items() if name != "primary_key"}


def digest_of(result):
    return result.json["plan_digest"]


def few():
    """60 losers in few groups, so in few objects; and items of other causes."""
    return [{"pk": seed.S(f"p{i}"), "sk": seed.N(i), "provider": seed.S("one"),
             "insertedAt": seed.S(f"2024-01-{i % 28 + 1:02d}"),
             "cause": seed.S(f"c{i % 4}" if i < 64 else f"other {i}")} for i in range(150)]


class Cases(s3_case.S3Case, keepone.ServerCase):
    """On the server that honours If-None-Match, as S3 does."""

    def find(self, table, place, *arguments, **how):
        return self.run_ok("find", *self.at(table), "--run", place, "--json",
                           *keepone.options(TABLE_RULES), *arguments, **how)

    def found(self, items=None):
        """A table with a plan: (table, its items, the oracle's verdict, the place of the run)."""
        table = self.new_table(items or few())
        items = self.db.scan_all(table)
        place = self.new_place()
        self.find(table, place, ranks=2)
        return table, items, oracle.judge(items, RULES), place

    def check_shown(self, place, planned, ranks):
        shown = self.run_ok("show", place, "--json", ranks=ranks).json
        self.assertEqual((planned, "planned"), (shown["ledger"]["left"], shown["state"]))
        lines = self.run_ok("show", place, "--plan", ranks=ranks).out
        self.assertEqual(planned, lines.count("\n"))
        self.assertEqual(keepone.UNCLEAN, keepone.run("verify", place, ranks=ranks).rc)

    def test_a_run_from_find_to_undo(self):
        table = self.new_table(seed.traps(n_random=60))
        items = self.db.scan_all(table)
        verdict = oracle.judge(items, RULES)
        planned = verdict["counts"]["planned"]
        digests = {digest_of(self.find(table, self.new_run()))}
        for ranks in (0, 3):
            with self.subTest(ranks=ranks):
                place = self.new_place()
                found = self.find(table, place, ranks=ranks)
                digests.add(digest_of(found))
                self.check_verdict(self.download(place), found.json["counts"], verdict)
                if ranks:
                    self.check_shown(place, planned, ranks)
                ledger = self.apply(place, *ALL, ranks=ranks)
                self.check_ledger(ledger, planned=planned, deleted=planned)
                self.check_table(table, keepone.survivors(items, verdict, RULES))
                self.run_ok("undo", place, "--yes", ranks=ranks)
                self.check_table(table, keepone.texts(items))
                self.assertEqual([], [name for name in self.keys(place) if name.startswith(
                    ("lease", "nonce", "review.rank"))])
        self.assertEqual(1, len(digests))

    def test_a_smaller_plan(self):
        table, items, verdict, place = self.found()
        excluded = [json.loads(line["delete"]) for line in verdict["plan"][:5]]
        path = os.path.join(self.folder, "ids.jsonl")
        with open(path, "w") as out:
            out.writelines(json.dumps(key) + "\n" for key in excluded)
        self.run_ok("plan", place, "--exclude", path)
        planned = verdict["counts"]["planned"] - 5
        self.check_ledger(self.apply(place, *ALL, ranks=2), planned=planned, deleted=planned)

    def test_dedup(self):
        table = self.new_table(few())
        items = self.db.scan_all(table)
        dedup = ["dedup", *self.at(table), "--run", self.new_place(), *ALL,
                 *keepone.options(TABLE_RULES)]
        self.run_ok(*dedup, ranks=2)
        self.check_table(table, keepone.texts(items))
        self.run_ok(*dedup, "--yes", ranks=2)
        self.check_table(table, keepone.survivors(items, oracle.judge(items, RULES), RULES))

    def test_a_copy_on_the_disk_is_the_same_run(self):
        table, items, verdict, place = self.found()
        self.apply(place, *ALL, ranks=2)
        folder = self.download(place)
        there, here = (self.run_ok("show", run, "--json").json for run in (place, folder))
        self.assertEqual(there, here)
        self.run_ok("undo", folder, "--yes", ranks=2)
        self.check_table(table, keepone.texts(items))

    def check_killed(self, result):
        self.assertEqual(137, result.rc, str(result))

    def test_kill_in_find(self):
        table = self.new_table(few())
        verdict = oracle.judge(self.db.scan_all(table), RULES)
        for phase, rank, step in (("read", 1, 4), ("plan", 1, 0)):
            with self.subTest(phase):
                place = self.new_place()
                fault = {"KEEPONE_FAULT": f"{phase}:{rank}:kill:{step}"}
                find = ["find", *self.at(table), "--run", place, "--segments", 12, "--json",
                        *keepone.options(TABLE_RULES)]
                self.check_killed(keepone.run(*find, ranks=3, env=fault))
                found = self.run_ok(*find, ranks=2)
                self.check_verdict(self.download(place), found.json["counts"], verdict)

    def check_kills(self, verb, place, steps):
        """Kills ranks in a row of attempts; the last attempt is left alone."""
        arguments = [verb, place, "--yes", "--json", "--in-flight", 2]
        arguments += ALL if verb == "apply" else []
        n_killed = 0
        for number, step in enumerate(steps):
            fault = {"KEEPONE_FAULT": f"{verb}:{number % 2}:kill:{step}"}
            result = keepone.run(*arguments, ranks=2 + number % 2, env=fault)
            if result.rc == keepone.DONE:  # a late step: all was done before
                break
            self.check_killed(result)
            n_killed += 1
        self.assertGreater(n_killed, 0)
        return self.run_ok(*arguments, ranks=2)

    def test_kill_in_apply_and_undo(self):
        table, items, verdict, place = self.found(seed.traps(n_random=60))
        planned = verdict["counts"]["planned"]
        result = self.check_kills("apply", place, (2, 6))
        self.check_ledger(result.json["ledger"], planned=planned, deleted=planned)
        self.check_table(table, keepone.survivors(items, verdict, RULES))
        self.check_kills("undo", place, (3,))
        self.check_table(table, keepone.texts(items))

    def test_a_journal_with_a_hole_is_not_worked_with(self):
        table, items, verdict, place = self.found()
        self.apply(place, *ALL, "--in-flight", 1)
        pieces = [name for name in self.keys(place) if name.startswith("journal/")]
        self.assertGreater(len(pieces), 2)
        self.s3.delete(BUCKET, self.key_of(place, pieces[1]))
        self.check_error(keepone.run("undo", place, "--yes"), keepone.CORRUPT, pieces[1],
                         "is missing")
        self.check_table(table, keepone.survivors(items, verdict, RULES))

    def test_a_journal_that_cannot_be_written_ends_the_deleting(self):
        table, items, verdict, place = self.found()
        proxy = s3_fault_proxy.S3FaultProxy(self.s3, [
            {"method": "PUT", "match": "journal/.*-000002", "fault": "refuse", "status": 403,
             "code": "AccessDenied"}])
        self.addCleanup(proxy.stop)
        result = keepone.run("apply", place, "--yes", "--json", "--in-flight", 1, *ALL, ranks=2,
                             env=proxy.environment())
        self.check_error(result, keepone.ACCESS, "journal/apply-0001", "AccessDenied")
        ledger, planned = result.json["ledger"], verdict["counts"]["planned"]
        self.assertEqual(planned, ledger["planned"], ledger)
        self.assertEqual(len(items) - ledger["deleted"], len(self.db.scan_all(table)))
        self.check_ledger(self.apply(place, *ALL, ranks=2), planned=planned, deleted=planned)
        self.check_table(table, keepone.survivors(items, verdict, RULES))

    def start_slow_apply(self, place):
        """An apply that has the lease and keeps it for three seconds."""
        proxy = fault_proxy.FaultProxy(self.server.endpoint, [
            {"op": "BatchGetItem", "fault": "slow", "seconds": 3, "times": 1}])
        self.addCleanup(proxy.stop)
        first = self.start("apply", place, "--yes", "--json", *ALL, "--endpoint", proxy.endpoint)
        while not any(name.startswith("lease-") for name in self.keys(place)):
            self.assertIsNone(first.poll())
        return first

    def test_of_two_starts_one_is_refused(self):
        table, items, verdict, place = self.found()
        first = self.start_slow_apply(place)
        second = keepone.run("apply", place, "--yes", *ALL)
        self.check_error(second, keepone.REFUSED, place, "is in use by")
        out, err = first.communicate()
        self.assertEqual(keepone.DONE, first.returncode, out + err)
        self.check_table(table, keepone.survivors(items, verdict, RULES))

    def test_a_start_waits_for_the_lease_if_told(self):
        table, items, verdict, place = self.found()
        first = self.start_slow_apply(place)
        second = self.run_ok("apply", place, "--yes", *ALL, "--wait-lease", 60, ranks=2)
        self.assertEqual(1, second.err.count("waiting up to 60 s"), second)
        out, err = first.communicate()
        self.assertEqual(keepone.DONE, first.returncode, out + err)
        self.check_table(table, keepone.survivors(items, verdict, RULES))

    def test_of_many_finds_at_once_one_makes_the_plan(self):
        made = self.new_export(few(), n_files=3)
        place = self.new_place()
        finds = [self.start("find", "--export", made.path, "--run", place,
                            *keepone.options(RULES)) for _ in range(4)]
        outs = [find.communicate() for find in finds]
        made_it = [out for out, _ in outs if f"in {place}\n" in out]
        self.assertEqual(1, len(made_it), outs)
        self.assertLessEqual({find.returncode for find in finds}, {keepone.DONE, keepone.REFUSED})
        self.run_ok("show", place)
        self.assertIn("planned", self.run_ok("runs", os.path.dirname(place)).out)

    def test_a_refused_start_leaves_nothing(self):
        made = self.new_export(few(), n_files=3)
        place = self.new_place()
        wrong = keepone.options(RULES | {"key": "casue"})
        result = keepone.run("find", "--export", made.path, "--run", place, *wrong, ranks=2)
        self.check_error(result, keepone.OPTION, "casue")
        self.assertEqual([], self.keys(place))
        proxy = s3_fault_proxy.S3FaultProxy(self.s3, [
            {"method": "PUT", "match": "run.json", "fault": "pass", "times": 1,
             "edit": [[self.key_of(place, "come-meanwhile"), b""]]}])
        self.addCleanup(proxy.stop)
        result = keepone.run("find", "--export", made.path, "--run", place, *wrong,
                             env=proxy.environment())
        self.check_error(result, keepone.OPTION, "casue")
        self.assertEqual(["come-meanwhile"], self.keys(place))
        place = self.new_place()
        self.s3.put(BUCKET, self.key_of(place, "holiday.jpg"), b"")
        result = keepone.run("find", "--export", made.path, "--run", place,
                             *keepone.options(RULES), ranks=2)
        self.check_error(result, keepone.REFUSED, place, "holiday.jpg")
        self.assertEqual(["holiday.jpg"], self.keys(place))

    def test_a_place_that_is_none_is_said(self):
        place = f"s3://{BUCKET}/nothing/here"
        self.check_error(keepone.run("show", place), keepone.REFUSED, place)
        self.check_error(keepone.run("apply", place, "--yes", ranks=2), keepone.REFUSED, place)
        result = keepone.run("show", "s3://no-such-bucket-at-all/run")
        self.check_error(result, keepone.ACCESS, "no-such-bucket-at-all")


if __name__ == "__main__":
    unittest.main()
