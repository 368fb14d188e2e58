"""A hundred million items in 256 MiB per rank, and up to 32 ranks; see tests/e2e/large_test.py."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import large  # noqa: E402

TIMEOUT_SECONDS = 3000


class Cases(large.LargeCase):
    def test_a_hundred_million_items_in_256_mib_per_rank(self):
        n_items = 100_000_000
        server = self.new_server(n_items)
        result = self.find(server, 2, 256, timeout=TIMEOUT_SECONDS)
        self.check_find(n_items, 2, result, 256)
        self.assertGreater(result.json["claims_read_again"], 0)

    def test_up_to_32_ranks_give_the_same_plan_in_bounded_memory(self):
        n_items = 2_000_000
        server = self.new_server(n_items)
        digests = {self.check_find(n_items, ranks, self.find(server, ranks, 32, timeout=600), 32)
                   for ranks in (1, 2, 4, 8, 16, 32)}
        self.assertEqual(1, len(digests))


if __name__ == "__main__":
    unittest.main()
