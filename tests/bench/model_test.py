"""The model against two real ranks, and its arithmetic; see model.py.

    model_test.py KEEPONE MAKE_EXPORT Measured     makes an export and runs keepone on it
    model_test.py KEEPONE MAKE_EXPORT Arithmetic
"""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import files
import model

N_ITEMS = 2_000_000
REPS = 3
TOLERANCE = 0.3  # of the time that was measured
KEEPONE, MAKE_EXPORT = sys.argv[1:3]

COSTS = model.Costs(
    read_s=1e-6, reread_s=5e-7, candidate_s=2e-6, plan_s=3e-6, start_s=0.5, delete_s=2e-5,
    efficiency=0.9, candidates=0.14, losers=0.09, file_bytes=76, wire_bytes=3,
    candidate_bytes=400, log_bytes=200)


class Measured(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="keepone-")
        self.addCleanup(shutil.rmtree, self.folder)

    def test_two_ranks_take_what_one_rank_predicts(self):
        export = os.path.join(self.folder, f"friendly-{N_ITEMS}")
        subprocess.run([MAKE_EXPORT, export, str(N_ITEMS)], check=True, stdout=subprocess.DEVNULL)
        bench = files.Bench(KEEPONE, self.folder, N_ITEMS, sys.executable)
        rows = bench.measure(REPS, "^find(, (1|8|re).*)?$|igzip")
        costs = model.costs_of({"rows": rows, "items": N_ITEMS, "file_bytes": bench.file_bytes()})
        predicted_s = model.phases_s(costs, N_ITEMS, 2)
        measured_s = model.seconds(rows["find"])
        self.assertAlmostEqual(predicted_s, measured_s, delta=TOLERANCE * measured_s)


class Arithmetic(unittest.TestCase):
    def find(self, n_items, ranks, **cluster):
        return model.find(COSTS, model.Cluster(**cluster), n_items, ranks)

    def test_time_is_shared_among_ranks(self):
        one_s, *_ = self.find(10**9, 1, rank_memory=1e15)
        many_s, *_ = self.find(10**9, 10, rank_memory=1e15)
        self.assertAlmostEqual((one_s - 0.5) / 10 / 0.9, many_s - 0.5)

    def test_one_rank_costs_what_was_measured(self):
        taken_s, first, way = self.find(10**6, 1)
        self.assertAlmostEqual(0.5 + 1 + 0.14 * 2 + 0.09 * 3, taken_s)
        self.assertEqual(("CPU", "log"), (first, way))

    def test_what_does_not_fit_is_read_again(self):
        self.assertEqual("log", self.find(10**7, 1, rank_memory=2e9)[2])
        self.assertEqual("re-read", self.find(10**7 + 1, 1, rank_memory=2e9)[2])

    def test_partitions_that_do_not_fit_are_compared_in_slices(self):
        self.assertEqual(0, model.more_passes(2e9, 2 * 10**9, 10**8))
        self.assertEqual(2 * 3, model.more_passes(2e9, 3 * 10**10, 10**9))
        self.assertEqual(2 * 31, model.more_passes(2e9, 10**11, 10**8))
        roomy_s, *_ = self.find(3 * 10**10, 1, rank_memory=6e11)
        tight_s, *_ = self.find(3 * 10**10, 1, rank_memory=2e9, host_scratch=1e15)
        self.assertAlmostEqual(6 * 3 * 10**10 * model.PASS_S, tight_s - roomy_s, delta=1)

    def test_what_is_used_up_first_is_named(self):
        self.assertEqual("network", self.find(10**9, 64, host_network=1e8)[1])
        self.assertEqual("scratch", self.find(10**10, 1, host_scratch=1e6)[1])
        self.assertEqual("CPU", model.apply(COSTS, model.Cluster(), 10**9, 0.5)[1])
        self.assertEqual("write units", model.apply(COSTS, model.Cluster(), 10**9, 8)[1])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
