"""kill -9 of a rank in each phase; the same command with other ranks ends in the same state."""

import unittest

import support  # noqa: F401
import fault_proxy
import keepone
import oracle
import seed
from keepone import ALL, RULES
FIND_PHASES = ("read", "fingerprint", "candidate", "resolve", "primary", "conflict", "plan")


def fault(phase, rank, kind="kill", step=None):
    """Strikes at the rank's first step, or after so many."""
    return {"KEEPONE_FAULT": f"{phase}:{rank}:{kind}" + (f":{step}" if step else "")}


class Cases(keepone.ServerCase):
    def check_killed(self, result):
        """The fault came true: a test that kills nobody proves nothing."""
        self.assertEqual(137, result.rc, str(result))

    def test_find_on_an_export(self):
        items = seed.traps(n_random=300)
        items += seed.repeats(items)
        verdict = oracle.judge(items, RULES)
        made = self.new_export(items, n_files=5)
        for number, phase in enumerate(FIND_PHASES):
            with self.subTest(phase):
                folder = self.new_run()
                find = ["find", "--export", made.path, "--run", folder, "--json",
                        *keepone.options(RULES)]
                self.check_killed(keepone.run(*find, ranks=3, env=fault(phase, number % 3)))
                counts = self.run_ok(*find, ranks=1 + number % 4).json["counts"]
                self.check_verdict(folder, counts, verdict)

    def test_find_on_a_table(self):
        table = self.new_table(seed.traps(n_random=300))
        items = self.db.scan_all(table)
        verdict = oracle.judge(items, RULES)
        rules = {name: text for name, text in RULES.items() if name != "primary_key"}
        for phase, rank, step in (("read", 0, 2), ("read", 1, 4), ("read", 2, 3),
                                  ("candidate", 1, 0), ("plan", 0, 0)):
            with self.subTest(phase, rank=rank, step=step):
                folder = self.new_run()
                find = ["find", *self.at(table), "--segments", 12, "--run", folder, "--json",
                        *keepone.options(rules)]
                self.check_killed(keepone.run(*find, ranks=3, env=fault(phase, rank, "kill", step)))
                counts = self.run_ok(*find, ranks=2).json["counts"]
                self.check_verdict(folder, counts, verdict)

    def test_finished_segments_are_not_read_again(self):
        table = self.new_table(seed.traps(n_random=300))
        rules = {name: text for name, text in RULES.items() if name != "primary_key"}
        proxy = fault_proxy.FaultProxy(self.server.endpoint)
        self.addCleanup(proxy.stop)
        find = ["find", *self.at(table, proxy.endpoint), "--segments", 40, "--run", self.new_run(),
                *keepone.options(rules)]
        self.check_killed(keepone.run(*find, ranks=2, env=fault("plan", 1)))
        first = proxy.stats()["requests"]["Scan"]
        self.run_ok(*find, ranks=3)
        self.assertEqual(first, proxy.stats()["requests"]["Scan"])

    def check_apply(self, verb, safety, steps):
        """Kills ranks in a row of attempts; the last attempt is left alone."""
        table = self.new_table(seed.traps(n_random=400))
        items = self.db.scan_all(table)
        verdict = oracle.judge(items, RULES)
        folder, _ = self.find_table(table, RULES)
        if verb == "undo":
            self.apply(folder, *ALL)
        arguments = [verb, folder, "--yes", "--json", "--in-flight", 2]
        arguments += [*ALL, "--safety", safety] if verb == "apply" else []
        n_killed = 0
        for number, step in enumerate(steps):
            result = keepone.run(*arguments, ranks=2 + number % 2,
                                 env=fault(verb, number % 2, "kill", step))
            if result.rc == keepone.DONE:  # a late step: all was done before
                break
            self.check_killed(result)
            n_killed += 1
        self.assertGreater(n_killed, 1)
        result = self.run_ok(*arguments, ranks=2)
        if verb == "apply":
            planned = verdict["counts"]["planned"]
            self.check_ledger(result.json["ledger"], planned=planned, deleted=planned)
            self.check_table(table, keepone.survivors(items, verdict, RULES))
            self.run_ok("undo", folder, "--yes", ranks=2)
        self.check_table(table, keepone.texts(items))

    def test_apply(self):
        self.check_apply("apply", "checked", (0, 4, 9, 15))

    def test_apply_with_transactions(self):
        self.check_apply("apply", "transact", (4, 12, 20))

    def test_undo(self):
        self.check_apply("undo", None, (0, 4, 9))

    def test_one_failing_rank_gives_one_message_and_its_code(self):
        made = self.new_export(seed.traps(n_random=300), n_files=5)
        for number, phase in enumerate(FIND_PHASES[:4] + ("plan",)):
            with self.subTest(phase):
                folder = self.new_run()
                find = ["find", "--export", made.path, "--run", folder, *keepone.options(RULES)]
                result = keepone.run(*find, ranks=3, env=fault(phase, number % 3, "fail"))
                self.check_error(result, keepone.IO, "injected fault", f"rank {number % 3}")
                self.run_ok(*find, ranks=2)

    def test_a_stop_says_how_to_go_on(self):
        table = self.new_table(seed.traps(n_random=400))
        items = self.db.scan_all(table)
        folder, _ = self.find_table(table, RULES)
        apply = ["apply", folder, "--yes", "--json", "--in-flight", 1, *ALL]
        result = keepone.run(*apply, ranks=2, env=fault("apply", 1, "stop", 5))
        self.check_error(result, keepone.STOPPED)
        self.assertIn("again", result.err)
        self.run_ok(*apply)
        self.check_table(table, keepone.survivors(items, oracle.judge(items, RULES), RULES))


if __name__ == "__main__":
    unittest.main()
