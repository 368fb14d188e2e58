#!/usr/bin/env python3
"""jobs/slurm.sh in the environment that Slurm gives a job on one node, with a scontrol of ours."""

import os
import signal
import subprocess
import time
import unittest

import support  # noqa: F401  first: it sets the path
import dynamodb_local
import keepone
import oracle
import seed

SCRIPT = os.path.join(keepone.ROOT, "jobs", "slurm.sh")
HOST = os.uname().nodename
SLURM = {"SLURM_JOB_ID": "17", "SLURM_JOBID": "17", "SLURM_NTASKS": "2", "SLURM_NNODES": "1",
         "SLURM_JOB_NUM_NODES": "1", "SLURM_NODELIST": HOST, "SLURM_JOB_NODELIST": HOST,
         "SLURM_TASKS_PER_NODE": "2"}


class Cases(keepone.ServerCase):
    def setUp(self):
        super().setUp()
        self.said = os.path.join(self.folder, "said")
        control = os.path.join(self.folder, "scontrol")
        with open(control, "w", encoding="ascii") as script:
            script.write(f'#!/bin/sh\necho "$@" >>{self.said}\n')
        os.chmod(control, 0o755)
        self.items = seed.space_diff(2000, seed=7).items
        self.table = self.new_table(self.items, range_key="sk:S")
        self.folder_of_run, _ = self.find_table(self.table, keepone.RULES)

    def start(self, *arguments):
        path = os.pathsep.join([self.folder, os.path.dirname(keepone.PROGRAM), os.environ["PATH"]])
        return subprocess.Popen(
            [SCRIPT, "apply", self.folder_of_run, "--yes", "--json", *keepone.ALL, *arguments],
            env=os.environ | keepone.ENVIRONMENT | SLURM | {"PATH": path}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            preexec_fn=dynamodb_local.die_with_parent)

    def stop(self, number):
        """Starts an apply and sends this signal to the script in the middle; returns its code."""
        job = self.start("--write-units", "20")
        while self.db.describe(self.table)["ItemCount"] == len(self.items):
            self.assertIsNone(job.poll())
            time.sleep(0.05)
        job.send_signal(number)
        out, err = job.communicate(timeout=keepone.TIMEOUT_SECONDS)
        self.assertEqual(1, err.count("error[stopped]"), out + err)
        return job.returncode

    def orders(self):
        if not os.path.exists(self.said):
            return []
        with open(self.said, encoding="ascii") as lines:
            return lines.read().splitlines()

    def test_when_time_is_up_the_job_is_queued_again_and_goes_on(self):
        self.assertEqual(keepone.STOPPED, self.stop(signal.SIGUSR1))
        self.assertEqual(["requeue 17"], self.orders())
        job = self.start()
        out, err = job.communicate(timeout=keepone.TIMEOUT_SECONDS)
        self.assertEqual(keepone.DONE, job.returncode, err)
        self.assertIn('"ranks":2', out)
        verdict = oracle.judge(self.items, keepone.RULES)
        self.check_table(self.table, keepone.survivors(self.items, verdict, keepone.RULES))

    def test_a_job_that_is_stopped_for_good_is_not_queued_again(self):
        self.assertEqual(keepone.STOPPED, self.stop(signal.SIGTERM))
        self.assertEqual([], self.orders())


if __name__ == "__main__":
    unittest.main()
