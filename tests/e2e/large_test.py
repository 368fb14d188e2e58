"""More items than memory has room for, more ranks than cores, and scratch space that runs out:
small here, as large as they should be in tests/nightly."""

import os
import subprocess
import unittest

import support  # noqa: F401
import keepone
import large

N_ITEMS = 2_000_000
LEAST_MIB = 12
MIB = 32  # of memory for each rank: less than the rows of half of the items need


class Cases(large.LargeCase):
    def test_two_million_items_in_little_memory(self):
        server = self.new_server(N_ITEMS)
        roomy = self.find(server, 2, 512)
        tight = self.find(server, 2, MIB)
        self.assertEqual(self.check_find(N_ITEMS, 2, roomy),
                         self.check_find(N_ITEMS, 2, tight, MIB))
        self.assertEqual(0, roomy.json["claims_read_again"])
        self.assertGreater(tight.json["claims_read_again"], 0)

    def test_many_ranks_share_the_work_in_bounded_memory(self):
        n_items = 200_000
        server = self.new_server(n_items)
        digests = {self.check_find(n_items, ranks, self.find(server, ranks, MIB), MIB)
                   for ranks in (1, 4, 16)}
        self.assertEqual(1, len(digests))

    def test_five_million_items_in_the_least_memory(self):
        n_items = 5_000_000
        self.check_find(n_items, 1, self.find(self.new_server(n_items), 1, LEAST_MIB), LEAST_MIB)

    def check_copies(self, n_items, kind):
        made = self.made_export(n_items, kind)
        roomy, tight = self.find(made, 1, 512), self.find(made, 1, LEAST_MIB)
        self.assertEqual(keepone.DONE, tight.rc, str(tight))
        self.assertGreater(tight.json["counts"]["planned"], n_items * 0.98)
        self.assertEqual(roomy.json["plan_digest"], tight.json["plan_digest"])

    def test_more_copies_than_memory_has_room_for(self):
        """All items are candidates, whose primary keys are compared, too: these spill as well."""
        self.check_copies(700_000, "even100")

    def test_more_copies_of_one_item_than_memory_has_room_for(self):
        self.check_copies(1_000_000, "hot100")

    def test_how_strings_are_written_does_not_matter(self):
        """Hard data: any order, escapes, nested values; neither in the plan nor in the row log."""
        friendly, hard = (self.find(self.made_export(300_000, kind), 1, 512)
                          for kind in ("friendly", "hard"))
        self.assertEqual(keepone.DONE, hard.rc, str(hard))
        self.assertEqual(friendly.json["plan_digest"], hard.json["plan_digest"])
        self.assertLess(hard.json["peak_bytes"], 1.2 * friendly.json["peak_bytes"])

    def small_disk(self, size):
        """A folder on a disk of its own."""
        folder = os.path.join(self.folder, self.new_name("scratch"))
        os.mkdir(folder)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder],
                                 capture_output=True, text=True, check=False)
        if mounted.returncode != 0:
            self.skipTest(f"only root can mount: {mounted.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", folder], check=True)
        return folder

    def test_scratch_that_runs_out_is_told_and_nothing_is_lost(self):
        server = self.new_server(N_ITEMS)
        scratch = self.small_disk("64k")
        failed = self.find(server, 2, MIB, "--scratch", scratch)
        self.check_error(failed, keepone.IO, scratch, "No space left on device")
        self.assertEqual([], os.listdir(scratch))
        run_folder = failed.command[failed.command.index("--run") + 1]
        source, environment = server
        again = keepone.run("find", *source, "--run", run_folder, "--memory", f"{MIB}M", "--json",
                            ranks=3, env=environment)
        self.check_find(N_ITEMS, 3, again, MIB)

    def test_scratch_is_a_local_folder(self):
        refused = self.find(self.new_server(200_000), 1, MIB, "--scratch", "s3://bucket/scratch")
        self.check_error(refused, keepone.OPTION, "--scratch", "not a local folder")


if __name__ == "__main__":
    unittest.main()
