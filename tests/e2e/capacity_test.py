"""Caps of read and write units, throttles and hot partitions, against a server that counts."""

import json
import os
import unittest
from concurrent.futures import ThreadPoolExecutor

import support  # noqa: F401
import keepone
from stub import BINS, Stub, most_above, used_part

SLACK_SECONDS = 0.2  # of the cap, in any window: 2 % of 10 seconds
TRIES = 3  # a machine that stands still for a moment loses units, and never gains any


class Cases(keepone.Case):
    def find(self, stub, *arguments, **how):
        folder = self.new_run()
        result = self.run_ok("find", "--table", "t", *stub.at, "--run", folder, "--key", "cause",
                             "--keep", "oldest:insertedAt,any", "--json", *arguments, **how)
        return folder, result

    def scan(self, cap, ranks, item_bytes, seconds):
        """What the server counted of a scan under a cap."""
        stub = Stub(items=int(cap * seconds * 8192 / item_bytes), item_bytes=item_bytes)
        _, result = self.find(stub, "--read-units", cap, ranks=ranks)
        counts = stub.counts()["read"]
        self.assertAlmostEqual(counts["total"], result.json["read_units"], delta=1)
        return counts

    def apply(self, cap, ranks, item_bytes, seconds, indexes=0):
        """The same of an apply: each pair of items has a loser."""
        units = -(-item_bytes // 1024) * (1 + indexes)
        n_losers = int(cap * seconds / units)
        stub = Stub(items=2 * n_losers, item_bytes=item_bytes, indexes=indexes, copy_percent=100)
        folder, _ = self.find(stub)
        result = self.run_ok("apply", folder, "--yes", "--json", *keepone.ALL, "--write-units",
                             cap, ranks=ranks)
        counts = stub.counts()
        self.check_ledger(result.json["ledger"], planned=n_losers, deleted=n_losers)
        self.assertEqual(n_losers, counts["deleted"])
        self.assertAlmostEqual(counts["write"]["total"], result.json["write_units"], delta=1)
        return counts["write"]

    def check_cap(self, work, cap, ranks, item_units, *arguments):
        """Never more than the cap; used, unless the machine stood still each time."""
        for _ in range(TRIES):
            counts = work(cap, ranks, *arguments)
            series = counts["per_100ms"]
            text = f"{work.__name__} {cap} {ranks}: {series}"
            self.assertEqual(0, counts["throttled"], text)
            self.assertLessEqual(most_above(series, cap), SLACK_SECONDS * cap + item_units, text)
            self.assertLessEqual(counts["max_10s"], max(10.2 * cap, 10 * cap + item_units), text)
            used = used_part(series, cap)
            if used >= 0.95:
                return
        self.fail(f"{100 * used:.1f} % used: {text}")

    def check_together(self, work, rows):
        """Small caps leave the machine idle: all at the same time."""
        with ThreadPoolExecutor(len(rows)) as pool:
            for future in [pool.submit(self.check_cap, work, *row) for row in rows]:
                future.result()

    def test_a_scan_uses_its_cap_and_no_more(self):
        self.check_together(self.scan, [(50, 1, 1, 400, 5), (50, 3, 1, 400, 5),
                                        (1000, 1, 1, 400, 5), (1000, 3, 1, 400, 5),
                                        # an item costs more than a rank gets in a second
                                        (50, 3, 25, 200000, 6)])

    def test_a_scan_uses_a_large_cap(self):
        for ranks in (1, 3):
            self.check_cap(self.scan, 50000, ranks, 1, 4000, 4)

    def test_a_small_cap_is_not_spent_on_pages_of_an_item_each(self):
        """Half a unit pays for ten items of 400 bytes as well as for one."""
        stub = Stub(items=300, item_bytes=400)
        self.find(stub, "--read-units", 5)
        self.assertLess(stub.counts()["read"]["total"], 50)  # 15 at best, 150 if an item a page

    def test_an_apply_uses_its_cap_and_no_more(self):
        self.check_together(self.apply, [(50, 1, 1, 400, 5), (50, 3, 1, 400, 5),
                                         (1000, 1, 2, 2000, 5), (1000, 3, 2, 2000, 5)])

    def test_an_apply_uses_a_large_cap(self):
        for ranks in (1, 3):
            self.check_cap(self.apply, 50000, ranks, 20, 10000, 4, 1)

    def test_a_percentage_is_of_what_the_table_has(self):
        kinds = ({"provisioned_read": 2000, "provisioned_write": 5},
                 {"on_demand_read": 2000, "on_demand_write": 5, "warm_read": 9000, "warm_write": 9},
                 {"warm_read": 2000, "warm_write": 5})
        for kind in kinds:
            stub = Stub(items=40000, **kind)
            _, result = self.find(stub, "--read-units", "50%")
            series = stub.counts()["read"]["per_100ms"]
            self.assertIn("1000 read units/s: 50% of the table's 2000", result.err)
            self.assertLessEqual(most_above(series, 1000), 1000 * SLACK_SECONDS)
            self.assertGreater(sum(series), 1900)  # about 2 s of it
            self.assertGreater(len(series), 1.7 * BINS)

    def test_a_percentage_of_nothing_is_refused(self):
        stub = Stub(items=10)
        result = keepone.run("find", "--table", "t", *stub.at, "--run", self.new_run(), "--key",
                             "cause", "--keep", "any", "--read-units", "50%")
        self.check_error(result, keepone.REFUSED, "--read-units 50%",
                         "table 't' does not say how many read units it has")
        self.assertEqual(0, stub.counts()["read"]["calls"])

    def test_throttles(self):
        with ThreadPoolExecutor(2) as pool:
            for future in [pool.submit(self.check_cut), pool.submit(self.check_hot_partition)]:
                future.result()

    def check_cut(self):
        """A throttle cuts the rate, and it grows back."""
        stub = Stub(items=80000, item_bytes=500, limit_read=500, limit_seconds=4)
        _, result = self.find(stub, "--read-units", "1000", ranks=3)
        self.assertEqual(80000, result.json["counts"]["read"])
        counts = stub.counts()["read"]
        series = counts["per_100ms"]
        self.assertGreater(counts["throttled"], 0)
        self.assertLess(counts["throttled"], 0.3 * counts["calls"], "cut, not hammered")
        self.assertGreater(sum(series[2 * BINS:4 * BINS]), 0.75 * 500 * 2, series)
        self.assertGreater(max(sum(series[i:i + BINS]) for i in range(len(series))), 930, series)
        self.assertLessEqual(most_above(series, 1000), 1000 * SLACK_SECONDS)

    def check_hot_partition(self):
        """A hot partition, here one segment of 100, is slowed alone."""
        stub = Stub(items=120000, item_bytes=400, hot_from=48000, hot_to=49200, hot_read=10)
        _, result = self.find(stub, "--read-units", "1000", "--segments", 100, ranks=2)
        self.assertEqual(120000, result.json["counts"]["read"])
        counts = stub.counts()
        hot, series = counts["hot_read"], counts["read"]["per_100ms"]
        self.assertGreater(hot["throttled"], 0)
        self.assertLess(hot["throttled"], 40, "slowed, not hammered")
        self.assertEqual(0, counts["read"]["throttled"])
        self.assertGreater(sum(series[BINS // 2:4 * BINS]), 0.93 * 1000 * 3.5, series)

    def test_a_job_file_and_its_report_know_the_units(self):
        stub = Stub(items=1000, copy_percent=100)
        folder = self.new_run()
        job = os.path.join(self.folder, "job.yaml")
        with open(job, "w", encoding="utf-8") as file:
            file.write(f"verb: dedup\ntable: t\nendpoint: {stub.at[1]}\nrun: {folder}\nkey: cause\n"
                       "keep: oldest:insertedAt,any\nread-units: \"4000\"\nwrite-units: 2500\n"
                       "yes: true\nmax-delete-percent: 100\n")
        result = self.run_ok("run", job)
        self.assertIn("write units (", result.out)
        undone = self.run_ok("undo", folder, "--yes", "--json", "--write-units", 1000)
        self.assertEqual(500, undone.json["write_units"])
        self.assertGreater(1100, undone.json["write_units_per_second"])
        with open(os.path.join(folder, "report.json"), encoding="utf-8") as file:
            self.assertEqual(500, json.load(file)["write_units"])
        stub.counts()


if __name__ == "__main__":
    unittest.main()
