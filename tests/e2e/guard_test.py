"""What apply and undo say of a table before they write to it."""

import unittest

import support  # noqa: F401
import keepone
from describe_proxy import DescribeProxy
from keepone import ALL, DONE, REFUSED, RULES

# One group of three and one of two: three losers, two keepers, each of 1 KB and a little.
ITEMS = [{"pk": {"S": f"p{i}"}, "sk": {"N": str(i)}, "cause": {"S": cause}, "provider": {"S": "x"},
          "insertedAt": {"S": f"2026-01-0{i + 1}T00:00:00Z"}, "fill": {"S": "f" * 1100}}
         for i, cause in enumerate("aaabbc")]
INDEX = {"IndexName": "by-cause", "IndexStatus": "ACTIVE", "ItemCount": 3, "IndexSizeBytes": 300,
         "KeySchema": [{"AttributeName": "cause", "KeyType": "HASH"}],
         "Projection": {"ProjectionType": "KEYS_ONLY"}}
BUSY = {"TableId": "11111111-2222-4333-8444-555555555555", "DeletionProtectionEnabled": True,
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        "Replicas": [{"RegionName": "eu-west-1", "ReplicaStatus": "ACTIVE"},
                     {"RegionName": "us-west-2", "ReplicaStatus": "ACTIVE"}],
        "GlobalSecondaryIndexes": [INDEX], "ItemCount": 6, "TableSizeBytes": 6 * 1200}


class Cases(keepone.ServerCase):
    def planned(self, members=None, pitr=None):
        """A proxy before a table, and a run of that table: (proxy, run directory)."""
        proxy = DescribeProxy(self.server.endpoint, members, pitr)
        self.addCleanup(proxy.stop)
        table = self.new_table(ITEMS)
        folder, _ = self.find_table(table, RULES, endpoint=proxy.endpoint)
        return proxy, folder

    def test_what_deletes_trigger_and_cost_is_said_before_the_question(self):
        _, folder = self.planned(BUSY, "ENABLED")
        result = self.run_ok("apply", folder, *ALL, rc=REFUSED)
        for line in ("up to 3 items go from 'space-diff-1', checked:",
                     "stream     NEW_AND_OLD_IMAGES: up to 3 records; its consumers will see the "
                     "deletes",
                     "replicas   eu-west-1: each delete is replicated and charged there, too",
                     "           us-west-2: each delete is replicated and charged there, too",
                     "indexes    by-cause (KEYS_ONLY): 0.5 write units more per delete",
                     "protection deletion protection is about the table, not its items: no "
                     "obstacle",
                     # 3 x (2 + 0.5) written, twice more elsewhere; 3 + 2 x (2 + 3/25 x 1/3) read
                     "units      about 8 write and 7 read units, 15 more in other regions",
                     "money      < $0.01 (prices of 20"):
            self.assertIn(line, result.err)
        self.assertLess(result.err.index("stream "), result.err.index("nobody said yes"))

    def test_the_same_facts_are_in_the_report(self):
        _, folder = self.planned(BUSY, "ENABLED")
        result = self.run_ok("apply", folder, *ALL, "--yes", "--json", "--safety", "transact")
        said = result.json["triggers"]
        self.assertEqual(
            ("NEW_AND_OLD_IMAGES", ["eu-west-1", "us-west-2"], True, 3),
            (said["stream"], said["replicas"], said["deletion_protection"], said["items"]))
        self.assertEqual([{"name": "by-cause", "projection": "KEYS_ONLY", "write_units": 0.5}],
                         said["indexes"])
        # Deletes: 3 x 2 x 2.5.  Checks of two keepers, rarely once more: 2 x 2 x 2.
        self.assertAlmostEqual(15 + 8, said["estimate"]["write_units"], delta=0.5)
        self.assertEqual(30, said["estimate"]["replicated_units"])
        self.assertRegex(said["prices"]["date"], r"^20\d\d-\d\d-\d\d$")

    def test_undo_says_it_too(self):
        _, folder = self.planned(BUSY, "ENABLED")
        self.run_ok("apply", folder, *ALL, "--yes")
        result = self.run_ok("undo", folder, "--yes", "--json")
        self.assertIn("up to 3 items go back into 'space-diff-1':", result.err)
        self.assertIn("its consumers will see the puts", result.err)
        self.assertNotIn("protection", result.err)
        self.assertEqual("NEW_AND_OLD_IMAGES", result.json["triggers"]["stream"])

    def test_caps_make_the_time(self):
        _, folder = self.planned(BUSY, "ENABLED")
        result = self.run_ok("apply", folder, *ALL, "--write-units", "5", rc=REFUSED)
        self.assertIn("time       2 s at 5 write and 12000 read units a second\n", result.err)

    def test_recovery_must_be_on(self):
        _, folder = self.planned(BUSY, "DISABLED")
        result = keepone.run("apply", folder, *ALL, "--yes")
        self.check_error(result, REFUSED, "has no point-in-time recovery")
        result = self.run_ok("apply", folder, *ALL, "--yes", "--no-pitr-check")
        self.assertIn("NEW_AND_OLD_IMAGES", result.err)

    def test_a_table_without_any_of_it_is_not_talked_about(self):
        _, folder = self.planned()
        result = self.run_ok("apply", folder, *ALL, "--yes", "--progress", "none", rc=DONE)
        for word in ("stream", "replica", "index", "protection", "money", "go from"):
            self.assertNotIn(word, result.err)


if __name__ == "__main__":
    unittest.main()
