#!/usr/bin/env python3
"""Pods that are lost while they delete: what is said, and how the next start goes on."""

import time
import unittest

import support  # noqa: F401  first: it sets the path
import pod_case


class Cases(pod_case.PodCase):
    def test_a_lost_worker_is_named_and_the_next_start_goes_on(self):
        job = self.start(*pod_case.SLOW)
        self.wait_for_deletes(job)
        job.kill(2)
        self.check_ended(job, pod_case.MPI, "a host was lost: " + job.host(2))
        self.check_half_done()
        self.next_start(job, 2)
        self.check_done(job)

    def test_a_lost_launcher_leaves_workers_that_serve_the_next(self):
        job = self.start(*pod_case.SLOW)
        self.wait_for_deletes(job)
        job.kill(0)
        self.next_start(job)
        self.check_done(job)

    def test_a_worker_that_is_cut_off_is_noticed_within_a_minute(self):
        job = self.start(*pod_case.SLOW)
        self.wait_for_deletes(job)
        job.cut_off(1)
        start = time.monotonic()
        self.check_ended(job, pod_case.MPI, "a host was lost: " + job.host(1))
        print(f"noticed after {time.monotonic() - start:.0f} s")
        self.assertLess(time.monotonic() - start, 60)
        self.check_half_done()
        self.next_start(job, 1)
        self.check_done(job)


if __name__ == "__main__":
    unittest.main()
