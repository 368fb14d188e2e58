"""find --export FULL --catch-up CHANGES... decides what one export of the last state would."""

import os
import random
import unittest

import support  # noqa: F401  (finds tests/support)
import export
import history
import keepone
import oracle

RULES = keepone.RULES
DAY = "2024-05-18T%02d:00:00Z"


class Cases(keepone.Case):
    def a_history(self, number=1, n_writes=900):
        made = history.History(random.Random(number))
        made.live(DAY % 0, DAY % 20, n_writes)
        return made

    def full_of(self, past, hour, **how):
        return self.new_export(past.state(DAY % hour), export_time=DAY % hour, **how)

    def changes_of(self, past, start, end, **how):
        folder = os.path.join(self.folder, self.new_name("changes"))
        return export.write_changes(folder, past.changes(DAY % start, DAY % end), DAY % start,
                                    DAY % end, **how)

    def find(self, full, changes, *arguments, ranks=0, rules=RULES, verb="find"):
        folder = self.new_run()
        result = self.run_ok(verb, "--export", full.path, "--run", folder, "--json",
                             *self.catch_up(changes), *keepone.options(rules), *arguments,
                             ranks=ranks)
        return folder, result.json

    @staticmethod
    def catch_up(changes):
        return ["--catch-up", ",".join(made.path for made in changes)] if changes else []

    def fails(self, full, changes, *arguments):
        folder = self.new_run()
        result = keepone.run("find", "--export", full.path, "--run", folder,
                             *self.catch_up(changes), *keepone.options(RULES), *arguments)
        self.assertFalse(os.path.exists(folder))
        return result

    def test_random_histories_end_in_the_plan_of_their_last_state(self):
        windows = (((3, 9), (9, 17)), ((3, 6), (6, 7), (7, 17)), ((3, 10), (5, 12), (4, 17)),
                   ((3, 17), (6, 8)), ((3, 4), (4, 17), (4, 17)))
        for number, spans in enumerate(windows):
            past = self.a_history(number)
            full = self.full_of(past, 3, n_files=number + 1, shuffle=True)
            changes = [self.changes_of(past, *span, n_files=number % 3 + 1, shuffle=True,
                                       escapes="mixed", space=True, n_empty=number % 2,
                                       view=("NEW_IMAGE", "NEW_AND_OLD_IMAGES")[number % 2])
                       for span in spans]
            past.rng.shuffle(changes)
            last = past.state(DAY % 17)
            wanted, counts = self.find(self.new_export(last), [])
            with self.subTest(spans=spans):
                folder, found = self.find(full, changes, ranks=(0, 2, 3, 5, 1)[number])
                self.check_verdict(folder, found["counts"], oracle.judge(last, RULES))
                self.assertEqual(keepone.plan_bytes(wanted), keepone.plan_bytes(folder))
                self.assertEqual(counts["plan_digest"], found["plan_digest"])
                self.check_catch_up(found, past, full, spans)

    def check_catch_up(self, found, past, full, spans):
        lines = [past.changes(DAY % start, DAY % end) for start, end in spans]
        touched = {str(change.key) for changes in lines for change in changes}
        old = [item for item in past.state(DAY % 3)
               if str({"pk": item["pk"], "sk": item["sk"]}) in touched]
        caught = found["catch_up"]
        self.assertEqual((sum(map(len, lines)), len(touched), len(old), len(spans)),
                         tuple(caught[name] for name in ("changes", "touched", "superseded",
                                                         "windows")))
        self.assertEqual(len(past.state(DAY % 3)) - len(old) + caught["images"],
                         found["counts"]["read"])

    def test_ranks_files_and_order_make_no_difference(self):
        past = self.a_history(7, 2000)
        full = self.full_of(past, 3, n_files=5)
        plans = set()
        for ranks in (1, 2, 3, 5):
            changes = [self.changes_of(past, *span, n_files=ranks, seed=ranks, shuffle=True)
                       for span in ((3, 8), (8, 15))]
            folder, found = self.find(full, changes[::-1 if ranks % 2 else 1], "--memory",
                                      "16M" if ranks == 3 else "256M", ranks=ranks)
            plans.add((keepone.plan_bytes(folder), str(found["counts"])))
        self.assertEqual(1, len(plans))

    def test_what_came_and_went_within_a_later_window_is_gone(self):
        past = history.History(random.Random(1), n_keys=3)
        copy = {"cause": {"S": "x"}, "insertedAt": {"S": "2024-01-01"}, "provider": {"S": "a"}}
        past.write(0, DAY % 1, copy)
        past.write(1, us_after(5), copy)                  # in both windows, and gone at the end
        past.write(1, us_after(9), None)
        past.write(2, us_after(4), copy)                  # only in the first
        changes = [self.changes_of(past, 3, 6), self.changes_of(past, 5, 10)]
        _, found = self.find(self.full_of(past, 3), changes)
        self.assertEqual((2, 1), (found["counts"]["read"], found["counts"]["planned"]))

    def test_windows_that_begin_before_the_export_are_refused(self):
        past = history.History(random.Random(1), n_keys=2)
        copy = {"cause": {"S": "x"}, "insertedAt": {"S": "2024-01-01"}, "provider": {"S": "a"}}
        past.write(0, us_after(2), copy)                  # in the full export, and gone at the end
        past.write(0, us_after(4), None)
        past.write(1, DAY % 1, copy | {"insertedAt": {"S": "2024-02-01"}})
        full, early = self.full_of(past, 3), self.changes_of(past, 2, 6)
        self.assertEqual([], past.changes(DAY % 2, DAY % 6))      # nothing tells of the item
        self.check_error(self.fails(full, [early]), keepone.REFUSED, early.path, DAY % 2, DAY % 3)
        _, found = self.find(full, [self.changes_of(past, 3, 6)])
        self.assertEqual((1, 0), (found["counts"]["read"], found["counts"]["planned"]))

    def test_changes_of_nothing_change_nothing(self):
        past = self.a_history()
        wanted, _ = self.find(self.full_of(past, 20), [])
        folder, found = self.find(self.full_of(past, 20), [self.changes_of(past, 20, 21)], ranks=2)
        self.assertEqual(keepone.plan_bytes(wanted), keepone.plan_bytes(folder))
        self.assertEqual((0, 0), (found["catch_up"]["touched"], found["catch_up"]["superseded"]))

    def test_the_key_may_stand_in_the_changes_alone(self):
        past = history.History(random.Random(1), n_keys=2)
        past.write(0, DAY % 1, {})
        past.write(1, us_after(4), {"cause": {"S": "x"}, "provider": {"S": "a"},
                                    "insertedAt": {"S": "2024-01-01"}})
        _, found = self.find(self.full_of(past, 3), [self.changes_of(past, 3, 6)])
        self.assertEqual((1, 1), (found["counts"]["unique"], found["counts"]["missing"]))
        self.check_error(self.fails(self.full_of(past, 3), []), keepone.OPTION, "no item of 1")

    def test_expiry_is_judged_at_the_end_of_the_last_window(self):
        past = history.History(random.Random(1), n_keys=2)
        ends = {"cause": {"S": "x"}, "insertedAt": {"S": "2024-01-01"}, "provider": {"S": "a"},
                "expiresAt": {"N": str(history.us(DAY % 5) // 10**6)}}
        lasts = ends | {"insertedAt": {"S": "2024-02-01"},
                        "expiresAt": {"N": str(history.us(DAY % 19) // 10**6)}}
        past.write(0, DAY % 1, ends)
        past.write(1, DAY % 1, lasts)
        rules = RULES | {"ttl": "expiresAt"}
        for hour, why in ((4, b"ttl"), (6, None)):
            folder, _ = self.find(self.full_of(past, 3), [self.changes_of(past, 3, hour)],
                                  rules=rules)
            reasons = [group["why"] for group in keepone.review_groups(folder)]
            self.assertEqual(["ttl"] if why else [], reasons)
            self.assertEqual(0 if why else 1, len(keepone.plan_pairs(folder)))

    def test_verify_and_dedup_catch_up_too(self):
        past = self.a_history(3)
        full, changes = self.full_of(past, 3), [self.changes_of(past, 3, 17)]
        verdict = oracle.judge(past.state(DAY % 17), RULES)
        result = self.run_ok("verify", "--export", full.path, *self.catch_up(changes), "--key",
                             "cause", "--primary-key", "pk,sk", "--json", rc=keepone.UNCLEAN)
        self.assertEqual(verdict["counts"]["read"], result.json["counts"]["read"])
        folder = self.new_run()
        shown = self.run_ok("dedup", "--export", full.path, *self.catch_up(changes), "--run",
                            folder, *keepone.options(RULES)).out
        self.assertIn(f"plan of {verdict['counts']['planned']} deletes", shown)
        shown = self.run_ok("show", folder).out
        self.assertIn("--catch-up", shown)

    def test_text_tells_what_was_superseded(self):
        past = self.a_history(3)
        shown = self.run_ok("find", "--export", self.full_of(past, 3).path, "--run",
                            self.new_run(), *self.catch_up([self.changes_of(past, 3, 17)]),
                            *keepone.options(RULES)).out
        self.assertRegex(shown, r"\n  superseded +\d+  of the full export")

    def test_gaps_are_named_with_both_times(self):
        past = self.a_history()
        full = self.full_of(past, 3)
        first, second = self.changes_of(past, 3, 6), self.changes_of(past, 8, 17)
        self.check_error(self.fails(full, [second, first]), keepone.REFUSED, first.path, DAY % 6,
                         second.path, DAY % 8)
        self.check_error(self.fails(full, [second]), keepone.REFUSED, full.path, DAY % 3,
                         second.path, DAY % 8)

    def test_windows_that_bring_old_states_back_are_refused(self):
        past = self.a_history()
        old = self.changes_of(past, 1, 3)
        self.check_error(self.fails(self.full_of(past, 3), [old, self.changes_of(past, 3, 5)]),
                         keepone.REFUSED, old.path, DAY % 3)

    def test_changes_of_another_table_are_refused(self):
        past = self.a_history()
        for other in ({"table": "orders"}, {"table_id": "00000000-1111"}):
            changes = self.changes_of(past, 3, 6, **other)
            self.check_error(self.fails(self.full_of(past, 3), [changes]), keepone.REFUSED,
                             changes.path, *other.values())

    def test_kinds_are_not_mixed_up(self):
        past = self.a_history()
        full, changes = self.full_of(past, 3), self.changes_of(past, 3, 6)
        self.check_error(self.fails(full, [full]), keepone.OPTION, "FULL_EXPORT",
                         "not an incremental one")
        self.check_error(self.fails(changes, []), keepone.OPTION, "INCREMENTAL_EXPORT")

    def test_broken_changes_are_named(self):
        past = self.a_history()
        full = self.full_of(past, 3)
        expected = {"ion": (keepone.OPTION, "ION"), "view": (keepone.OPTION, "OLD_IMAGE")}
        names = [*export.CHANGE_BREAKS, "json", "md5", "missing_file", "count", "total",
                 "files_checksum", "ion", "view"]
        for name in names:
            with self.subTest(name):
                changes = self.changes_of(past, 3, 17, broken=name)
                code, said = expected.get(name, (keepone.CORRUPT, ""))
                if name in ("md5", "missing_file", "count"):
                    said = os.path.basename(changes.bad_file)
                if changes.bad_line:
                    said = f"{os.path.basename(changes.bad_file)}' line {changes.bad_line}"
                self.check_error(self.fails(full, [changes]), code, said)

    def test_a_wrong_primary_key_is_refused(self):
        past = self.a_history()
        changes = self.changes_of(past, 3, 17)
        for key in ("pk", "pk,provider"):
            folder = self.new_run()
            result = keepone.run("find", "--export", self.full_of(past, 3).path, "--run", folder,
                                 *self.catch_up([changes]),
                                 *keepone.options(RULES | {"primary_key": key}))
            self.check_error(result, keepone.OPTION, "line 1")

    def test_catch_up_needs_an_export(self):
        result = keepone.run("find", "--table", "t", "--catch-up", "x", "--run", self.new_run(),
                             "--key", "cause", "--keep", "any")
        self.check_error(result, keepone.OPTION, "--catch-up")

    def test_too_many_changes_for_the_memory_are_refused(self):
        many = [export.Change(us_after(4), {"pk": {"S": "p"}, "sk": {"N": str(i)}}, None, None)
                for i in range(330_000)]
        changes = export.write_changes(self.folder, many, DAY % 3, DAY % 6)
        full = self.full_of(self.a_history(), 3)
        self.check_error(self.fails(full, [changes], "--memory", "12M"), keepone.MEMORY,
                         "330000 items have changed")

    def test_one_failing_rank_gives_one_message(self):
        past = self.a_history()
        full, changes = self.full_of(past, 3), [self.changes_of(past, 3, 17, n_files=4)]
        for phase in ("changes", "newest", "touched"):
            for rank in (0, 2):
                folder = self.new_run()
                result = keepone.run("find", "--export", full.path, "--run", folder,
                                     *self.catch_up(changes), *keepone.options(RULES), ranks=3,
                                     env={"KEEPONE_FAULT": f"{phase}:{rank}:fail"})
                with self.subTest(phase=phase, rank=rank):
                    self.check_error(result, keepone.IO, "injected fault", f"rank {rank} of 3")
                    self.assertFalse(os.path.exists(folder))

    def test_a_killed_run_goes_on_with_the_same_changes_only(self):
        past = self.a_history()
        full = self.full_of(past, 3)
        changes, others = self.changes_of(past, 3, 17), self.changes_of(past, 3, 16)
        wanted, _ = self.find(full, [changes])
        arguments = ["--export", full.path, "--run", self.new_run(), *keepone.options(RULES)]
        for phase in ("changes", "newest", "touched"):
            keepone.run("find", *arguments, *self.catch_up([changes]), ranks=2,
                        env={"KEEPONE_FAULT": f"{phase}:1:kill"})
            for wrong in ([others], []):
                self.check_error(keepone.run("find", *arguments, *self.catch_up(wrong)),
                                 keepone.REFUSED, "catch-up")
        self.run_ok("find", *arguments, *self.catch_up([changes]), ranks=3)
        self.assertEqual(keepone.plan_bytes(wanted), keepone.plan_bytes(arguments[3]))


def us_after(hour):
    """Ten minutes after a full hour of the day."""
    return history.us(DAY % hour) + 600_000_000


if __name__ == "__main__":
    unittest.main()
