"""estimate: units, money, time and the number of copies, from a table, a sample and an export."""

import math
import unittest

import support  # noqa: F401
import keepone
from describe_proxy import DescribeProxy
from fault_proxy import FaultProxy
from keepone import DONE, OPTION

BUSY = {"ItemCount": 10 ** 9, "TableSizeBytes": 1500 * 10 ** 9, "TableStatus": "ACTIVE",
        "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
        "Replicas": [{"RegionName": "eu-west-1", "ReplicaStatus": "ACTIVE"}],
        "GlobalSecondaryIndexes": [
            {"IndexName": "by-cause", "ItemCount": 10 ** 9, "IndexSizeBytes": 100 * 10 ** 9,
             "KeySchema": [{"AttributeName": "cause", "KeyType": "HASH"}],
             "Projection": {"ProjectionType": "KEYS_ONLY"}}]}


def items_of(n_groups, size, n_unique):
    """Copies with partition keys of their own; a fifth of the items is of 3 KB."""
    causes = [f"c{i // size}" for i in range(n_groups * size)] + [f"u{i}" for i in range(n_unique)]
    return [{"pk": {"S": f"p{i}"}, "sk": {"N": "1"}, "cause": {"S": cause},
             "fill": {"S": "f" * (3000 if i % 5 == 0 else 100)}} for i, cause in enumerate(causes)]


class Cases(keepone.ServerCase):
    def estimate(self, *arguments, rc=DONE, **how):
        return self.run_ok("estimate", *arguments, "--json", rc=rc, **how).json

    def test_a_large_table_is_judged_without_reading_it(self):
        table = self.new_table(items_of(1, 2, 1))
        proxy = DescribeProxy(self.server.endpoint, BUSY, "ENABLED")
        self.addCleanup(proxy.stop)
        said = self.estimate(*self.at(table, proxy.endpoint), "--duplicates", "2")
        self.assertEqual({"DescribeTable", "DescribeTimeToLive", "DescribeContinuousBackups"},
                         proxy.operations())
        self.assertEqual(("assumed", 2e7, False), (said["losers"]["source"],
                         said["losers"]["estimate"], said["losers"]["exact"]))
        does = said["operations"]
        scan = math.ceil(1500e9 / 4096)
        self.assertEqual(scan, does["scan_consistent"]["read_units"])
        self.assertEqual(scan / 2, does["scan"]["read_units"])
        self.assertEqual(does["scan"], does["verify"])
        # 20 M pairs of 1,500 bytes: 1 + 2 reads of each, writes of 2 KB and an index entry.
        self.assertEqual((6e7, 6e7, 6e7), tuple(does["apply_checked"][name] for name in (
            "read_units", "write_units", "replicated_units")))
        # Twice that, and the check of each keeper; the check is not replicated.
        self.assertEqual((4e7, 2e8, 1.2e8), tuple(does["apply_transact"][name] for name in (
            "read_units", "write_units", "replicated_units")))
        self.assertAlmostEqual(6e7 / 1e6 * 0.125 + 1.2e8 / 1e6 * 0.625,
                               does["apply_checked"]["money"], places=3)
        self.assertAlmostEqual(1500e9 / 2 ** 30 * 0.10, does["export"]["money"], places=2)
        self.assertEqual(6e7 / 4000, does["apply_checked"]["seconds"])
        self.assertEqual(9.8e8 * 3, said["ways"]["copy"]["write_units"])
        self.assertEqual(0, said["ways"]["import"]["write_units"])
        self.assertGreater(said["ways"]["import"]["money"], does["export"]["money"])

    def test_rates_make_the_time(self):
        table = self.new_table(items_of(1, 2, 1))
        proxy = DescribeProxy(self.server.endpoint, BUSY | {
            "WarmThroughput": {"ReadUnitsPerSecond": 50000, "WriteUnitsPerSecond": 20000}})
        self.addCleanup(proxy.stop)
        at = self.at(table, proxy.endpoint)
        for arguments, rates in (([], (50000, 20000)), (["--write-units", "500"], (50000, 500)),
                                 (["--read-units", "10%"], (5000, 20000))):
            said = self.estimate(*at, "--duplicates", "1", *arguments)
            self.assertEqual(rates, (said["rates"]["read_units"], said["rates"]["write_units"]))
            does = said["operations"]["apply_checked"]
            self.assertAlmostEqual(max(does["read_units"] / rates[0],
                                       does["write_units"] / rates[1]), does["seconds"], places=0)

    def test_the_whole_table_as_a_sample_is_exact(self):
        table = self.new_table(items_of(30, 3, 100))
        said = self.estimate(*self.at(table), "--key", "cause", "--sample", "100")
        losers = said["losers"]
        self.assertEqual((60, 60, 60, 30, True), tuple(losers[name] for name in (
            "estimate", "low", "high", "groups", "exact")))
        self.assertEqual(190, said["sample"]["items"])
        self.assertEqual(190, said["table"]["items"])
        # 38 of 3 KB and some bytes: 3 units; the others 1.
        self.assertEqual((190 + 2 * 38) / 190, round(said["table"]["item_write_units"], 3))
        checked = said["operations"]["apply_checked"]
        self.assertAlmostEqual(60 * 1.4, checked["write_units"], places=1)

    def test_a_sample_holds_the_truth_in_its_interval(self):
        table = self.new_table(items_of(250, 2, 250))
        said = self.estimate(*self.at(table), "--key", "cause", "--sample", "60", ranks=2)
        losers = said["losers"]
        self.assertLessEqual(losers["low"], 250)
        self.assertGreaterEqual(losers["high"], 250)
        self.assertLess(losers["high"], 600)
        self.assertFalse(losers["exact"])
        self.assertEqual((0.6, 600, 1000), tuple(said["sample"][name] for name in (
            "part", "segments", "total_segments")))
        self.assertLess(said["sample"]["items"], 600)

    def test_a_sample_that_is_too_small_says_so(self):
        table = self.new_table(items_of(5, 2, 100))
        arguments = [*self.at(table), "--key", "cause", "--sample-items", "10"]
        said = self.estimate(*arguments)
        self.assertTrue(said["losers"]["too_small"])
        self.assertGreaterEqual(said["losers"]["high"], 5)
        result = self.run_ok("estimate", *arguments)
        self.assertIn("the sample is too small to tell more", result.out)

    def test_an_export_is_counted_exactly(self):
        export = self.new_export(items_of(40, 3, 200))
        for ranks in (0, 3):
            said = self.estimate("--export", export.path, "--primary-key", "pk,sk",
                                 "--key", "cause", ranks=ranks)
            losers = said["losers"]
            self.assertEqual((80, 80, 80, 40, "export"), tuple(losers[name] for name in (
                "estimate", "low", "high", "groups", "source")))
            self.assertTrue(said["table"]["measured"])
            self.assertEqual(320, said["table"]["items"])
            # 64 of 3 units, 256 of one
            self.assertAlmostEqual(80 * (64 * 3 + 256) / 320,
                                   said["operations"]["apply_checked"]["write_units"], places=1)

    def test_the_text_names_the_date_of_the_prices_and_what_each_way_loses(self):
        table = self.new_table(items_of(1, 2, 1))
        result = self.run_ok("estimate", *self.at(table), "--region", "eu-north-1")
        self.assertRegex(result.out, r"prices: of 20\d\d-\d\d-\d\d, USD, us-east-1, .*"
                                     r"those of your region differ")
        for part in ("scan (find)", "apply --safety transact", "delete in place",
                     "copy the rest to a new table", "import the rest from S3", "new ARN",
                     "assumed"):
            self.assertIn(part, result.out)
        for line in result.out.splitlines():
            self.assertLessEqual(len(line), 110, line)

    def test_a_sample_outlives_throttles_and_faults(self):
        proxy = FaultProxy(self.server.endpoint, [
            {"op": "Scan", "fault": "throttle", "probability": 0.02},
            {"op": "Scan", "fault": "error_before", "probability": 0.02},
            {"op": "Scan", "fault": "crc", "probability": 0.02},
            {"op": "Scan", "fault": "short_page", "limit": 1, "probability": 0.5}], seed=3)
        self.addCleanup(proxy.stop)
        table = self.new_table([{"pk": {"S": "one"}, "sk": {"N": str(i)},
                                 "cause": {"S": f"c{i // 2}"}} for i in range(40)])
        said = self.estimate(*self.at(table, proxy.endpoint), "--key", "cause", "--sample", "100")
        self.assertEqual((40, 20), (said["sample"]["items"], said["losers"]["estimate"]))
        self.assertGreater(len(proxy.stats()["faults"]), 3)

    def test_what_does_not_go_together_is_refused(self):
        for arguments, part in (
                (["--table", "abc", "--sample", "1"], "--sample looks for copies and needs --key"),
                (["--export", "x", "--primary-key", "pk"], "needs --key LIST"),
                (["--table", "abc", "--key", "a", "--sample", "1", "--sample-items", "5"],
                 "both --sample and --sample-items"),
                (["--export", "x", "--primary-key", "pk", "--key", "a", "--sample", "1"],
                 "an export is read whole"),
                (["--duplicates", "1"], "there is nothing to read")):
            self.check_error(keepone.run("estimate", *arguments), OPTION, part)


if __name__ == "__main__":
    unittest.main()
