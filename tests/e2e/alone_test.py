"""One at a time works on a run, whoever dies and when; and only on a run that is whole."""

import glob
import json
import os
import pty
import signal
import time
import unittest

import support  # noqa: F401
import fault_proxy
import keepone
from keepone import ALL

LATE_SECONDS = 2  # of a delete that its sender does not live to see
SLOW_DELETES = [{"op": "BatchExecuteStatement", "fault": "slow", "seconds": LATE_SECONDS}]


def items(n_groups, **more):
    return [{"pk": {"S": f"{group}-{number}"}, "sk": {"N": str(number)},
             "cause": {"S": f"c{group}"}, "date": {"S": f"2024-01-0{number}"}} | more
            for group in range(n_groups) for number in (1, 2, 3)]


def wait_until(is_so, seconds=20):
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.05)


def processes_of(mpirun):
    """{rank: process number} of its ranks."""
    found = {}
    for folder in glob.glob("/proc/[0-9]*"):
        try:
            with open(folder + "/stat", encoding="utf-8") as file:
                parent = int(file.read().rpartition(")")[2].split()[1])
            with open(folder + "/environ", "rb") as file:
                names = dict(entry.partition(b"=")[::2] for entry in file.read().split(b"\0"))
        except OSError:
            continue
        if parent == mpirun.pid and b"OMPI_COMM_WORLD_RANK" in names:
            found[int(names[b"OMPI_COMM_WORLD_RANK"])] = int(os.path.basename(folder))
    return found


class Cases(keepone.ServerCase):
    def planned(self, made):
        """(table, run directory): the later two of each three are to be deleted."""
        table = self.new_table(made)
        folder, _ = self.find_table(table, {"key": "cause", "keep": "oldest:date"})
        return table, folder

    def applied(self, made):
        table, folder = self.planned(made)
        self.apply(folder, *ALL)
        return table, folder

    def proxy(self, rules):
        proxy = fault_proxy.FaultProxy(self.server.endpoint, rules)
        self.addCleanup(proxy.stop)
        return proxy

    def start(self, *arguments, **how):
        process = keepone.start(*arguments, **how)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def state(self, folder):
        with open(os.path.join(folder, "run.json"), encoding="utf-8") as file:
            return json.load(file)["state"]

    def test_ranks_that_outlive_the_first_keep_the_lease(self):
        made = items(60)
        table, folder = self.planned(made)
        mpirun = self.start("apply", folder, "--yes", *ALL, "--write-units", 20, ranks=2)
        wait_until(lambda: len(self.db.scan_all(table)) < len(made))
        ranks = processes_of(mpirun)
        os.kill(mpirun.pid, signal.SIGSTOP)  # it would end rank 1
        os.kill(ranks[0], signal.SIGKILL)
        try:
            self.check_error(keepone.run("undo", folder, "--yes"), keepone.REFUSED, "is in use by")
        finally:
            os.kill(mpirun.pid, signal.SIGCONT)
        mpirun.wait()
        self.run_ok("undo", folder, "--yes")
        self.check_table(table, keepone.texts(made))

    def test_a_delete_that_comes_late_is_undone(self):
        made = items(40)
        table, folder = self.planned(made)
        proxy = self.proxy(SLOW_DELETES)
        apply = self.start("apply", folder, "--yes", *ALL, "--in-flight", 1,
                           "--endpoint", proxy.endpoint)
        wait_until(lambda: proxy.stats()["requests"].get("BatchExecuteStatement"))
        apply.kill()
        apply.wait()
        self.run_ok("undo", folder, "--yes")
        time.sleep(LATE_SECONDS)
        self.check_table(table, keepone.texts(made))

    def ask(self, folder, verb="apply"):
        """(process, its terminal), once it has asked."""
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        process = self.start(verb, folder, *ALL, stdin=theirs)
        os.close(theirs)
        text = ""
        while "Type yes" not in text:
            text += process.stderr.read(1)
        return process, ours

    def test_a_signal_ends_the_question(self):
        made = items(3)
        table, folder = self.planned(made)
        process, _ = self.ask(folder)
        process.send_signal(signal.SIGINT)
        self.assertEqual(keepone.STOPPED, process.wait(10))
        self.assertEqual("planned", self.state(folder))
        self.check_table(table, keepone.texts(made))

    def test_a_yes_counts_only_while_the_lease_is_ours(self):
        made = items(3)
        table, folder = self.planned(made)
        process, terminal = self.ask(folder)
        path = os.path.join(folder, "lease.json")
        with open(path, encoding="utf-8") as file:
            lease = json.load(file)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(lease | {"id": "0" * 16}, file)
        os.write(terminal, b"yes\n")
        self.assertEqual(keepone.REFUSED, process.wait(10))
        self.assertIn("is lost", process.stderr.read())
        self.assertEqual("planned", self.state(folder))
        self.check_table(table, keepone.texts(made))

    def test_a_finished_run_wants_its_journal(self):
        made = items(40)
        table, folder = self.applied(made)
        left = keepone.texts(self.db.scan_all(table))
        path, = glob.glob(os.path.join(folder, "journal", "*.zst"))
        with open(path, "rb") as file:
            journal = file.read()
        for cut in (journal[:len(journal) // 2], None):
            os.remove(path)
            if cut:
                with open(path, "wb") as file:
                    file.write(cut)
            for arguments in (("undo", folder, "--yes"), ("apply", folder, "--yes", *ALL)):
                with self.subTest(arguments[0], is_cut=bool(cut)):
                    for ranks in (0, 2):
                        self.check_error(keepone.run(*arguments, ranks=ranks), keepone.CORRUPT,
                                         "journal' does not account for")
                    self.assertEqual("applied", self.state(folder))
                    self.check_table(table, left)
            with open(path, "wb") as file:
                file.write(journal)
        self.run_ok("undo", folder, "--yes")
        self.check_table(table, keepone.texts(made))

    def test_a_damaged_plan_is_not_begun(self):
        _, folder = self.planned(items(3))
        path = sorted(glob.glob(os.path.join(folder, "plan", "part-*.zst")))[-1]
        with open(path, "ab") as file:
            file.write(b"x")
        self.check_error(keepone.run("apply", folder, "--yes", *ALL), keepone.CORRUPT, path)
        self.assertEqual("planned", self.state(folder))

    def test_what_the_table_refuses_is_tried_again(self):
        made = items(20)
        table, folder = self.applied(made)
        refusal = {"__type": "com.amazon.coral.validate#ValidationException", "message": "no"}
        proxy = self.proxy([{"op": "PutItem", "fault": "reply", "status": 400, "nth": [2, 5],
                             "body": json.dumps(refusal)}])
        undo = ("undo", folder, "--yes", "--endpoint", proxy.endpoint)
        self.check_error(keepone.run(*undo), keepone.PARTIAL, "refused to take 2 items back")
        self.assertEqual("undoing", self.state(folder))
        self.assertEqual(len(made) - 2, len(self.db.scan_all(table)))
        self.run_ok(*undo)
        self.check_table(table, keepone.texts(made))

    def test_a_name_that_partiql_cannot_say(self):
        made = items(3, **{"#x:y": {"S": "z"}})
        table = self.new_table(made)
        folder, _ = self.find_table(table, {"key": "cause", "keep": "oldest:date",
                                            "same": "#x\\:y"})
        self.check_ledger(self.apply(folder, *ALL), planned=6, deleted=6)
        self.run_ok("undo", folder, "--yes")
        self.check_table(table, keepone.texts(made))


if __name__ == "__main__":
    unittest.main()
