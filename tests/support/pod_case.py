"""Cases with four containers that play the pods of a Job, and a table on a server outside.

What a lost pod leaves is a lease that lasts two minutes; `next_start` removes it, as if they had
passed.
"""

import os
import subprocess
import time

import keepone
import oracle
import pods
import seed

N_PODS = 4
MPI = 50  # keepone's exit code for a failure of MPI
GONE = 143  # of a worker that was told to go
JOB = """verb: dedup
table: {table}
endpoint: {endpoint}
key: cause
same: provider
keep: oldest:insertedAt,any
max-delete-percent: 100
"""
AWS = {name: value for name, value in keepone.ENVIRONMENT.items() if name.startswith("AWS_")}
SLOW = ["--write-units", "40"]  # so that something can happen in the middle


class PodCase(keepone.ServerCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.network = pods.Network()
        cls.addClassCleanup(cls.network.remove)
        cls.endpoint = f"http://{cls.network.gateway}:{cls.server.port}"

    def setUp(self):
        super().setUp()
        os.chmod(self.folder, 0o755)
        self.keys = self.make_keys()
        self.runs = os.path.join(self.folder, "runs")
        os.mkdir(self.runs)
        pods.hand_over(self.runs)
        self.items = seed.space_diff(2000, seed=7).items
        self.table = self.new_table(self.items, range_key="sk:S")
        verdict = oracle.judge(self.items, keepone.RULES)
        self.n_losers = verdict["counts"]["planned"]
        self.survivors = keepone.survivors(self.items, verdict, keepone.RULES)
        self.job_file = os.path.join(self.folder, "job.yaml")
        with open(self.job_file, "w", encoding="ascii") as job:
            job.write(JOB.format(table=self.table, endpoint=self.endpoint))

    def make_keys(self):
        """As a Secret is mounted: root's, and readable for the group of the pod."""
        folder = os.path.join(self.folder, "ssh")
        os.mkdir(folder)
        key = os.path.join(folder, "id")
        subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-m", "PEM", "-N", "", "-f", key],
                       check=True)
        os.chown(key, 0, pods.USER)
        os.chmod(key, 0o440)
        return folder

    def start(self, *arguments, missing=(), env=None, mounts=()):
        """The pods of a Job that removes the table's duplicates."""
        job = pods.Pods(
            self.network, ["run", "/etc/keepone/job.yaml", "--run", "/runs/1", "--yes", *arguments],
            N_PODS, missing=missing, env=AWS | (env or {}), mounts=[
                self.keys + ":/etc/keepone/ssh:ro", self.job_file + ":/etc/keepone/job.yaml:ro",
                self.runs + ":/runs", *mounts])
        self.addCleanup(job.remove)
        return job

    def wait_for_deletes(self, job):
        """Until apply is at work."""
        end = time.monotonic() + pods.WAIT_SECONDS
        while self.db.describe(self.table)["ItemCount"] > len(self.items) - 5:
            self.assertTrue(time.monotonic() < end and job.is_running(0), job.log(0))
            time.sleep(0.2)

    def check_ended(self, job, code, pattern):
        """The launcher ends with this code and one message, which this pattern matches."""
        self.assertEqual(code, job.wait(0), job.log(0))
        errors = [line for line in job.log(0).splitlines() if "error[" in line]
        self.assertEqual(1, len(errors), job.log(0))
        self.assertRegex(errors[0], pattern)

    def check_half_done(self):
        n_left = len(self.db.scan_all(self.table))
        self.assertLess(n_left, len(self.items))
        self.assertGreater(n_left, len(self.survivors))

    def next_start(self, job, *lost):
        """The Job replaces the launcher, and the pods that were lost, too."""
        lease = os.path.join(self.runs, "1", "lease.json")
        if os.path.exists(lease):
            os.remove(lease)
        for index in (*lost, 0):
            job.replace(index)

    def check_done(self, job):
        """All pods end well, the table is as planned, and each delete was made once."""
        self.assertEqual(keepone.DONE, job.wait(0), job.log(0))
        self.assertEqual([0] * (N_PODS - 1), [job.wait(index) for index in range(1, N_PODS)])
        self.check_table(self.table, self.survivors)
        run = os.path.join(self.runs, "1")
        report = self.run_ok("show", run, "--json").json
        self.check_ledger(report["ledger"], planned=self.n_losers, deleted=self.n_losers)
        self.run_ok("verify", run, "--endpoint", self.server.endpoint)
