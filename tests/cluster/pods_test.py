#!/usr/bin/env python3
"""Four containers play the pods of a Job: one MPI job over them, its start and its stop."""

import os
import re
import shutil
import signal
import unittest

import support  # noqa: F401  first: it sets the path
import keepone
import pod_case
import pods

SSH_CONFIG = ["Port 2222", "IdentityFile ~/.ssh/id", "StrictHostKeyChecking no",
              "UserKnownHostsFile /dev/null", "LogLevel ERROR"]


class Cases(pod_case.PodCase):
    def test_four_pods_do_one_job(self):
        job = self.start("--json", env={"KEEPONE_RANKS": 2})
        self.check_done(job)
        self.assertIn('"ranks":8', job.log(0))
        self.assertEqual([""] * 3, [job.log(index) for index in (1, 2, 3)])

    def test_a_stop_of_the_launcher_is_resumed(self):
        job = self.start(*pod_case.SLOW)
        self.wait_for_deletes(job)
        job.kill(0, signal.SIGTERM)
        self.check_ended(job, keepone.STOPPED, "stopped")
        self.check_half_done()
        self.next_start(job)
        self.check_done(job)

    def test_a_worker_that_has_to_go_stops_all_in_good_order(self):
        job = self.start(*pod_case.SLOW)
        self.wait_for_deletes(job)
        job.kill(3, signal.SIGTERM)
        self.check_ended(job, keepone.STOPPED, "stopped")
        self.assertEqual(pod_case.GONE, job.wait(3))
        self.check_half_done()
        self.next_start(job, 3)
        self.check_done(job)

    def test_a_worker_that_never_comes_is_named(self):
        job = self.start(missing=[3], env={"KEEPONE_START_SECONDS": 6})
        self.check_ended(job, pod_case.MPI, "1 of 4 hosts did not come in 6 s: " + job.host(3))
        self.check_table(self.table, keepone.texts(self.items))
        job.start(3)
        self.next_start(job)
        self.check_done(job)

    def test_a_stop_while_it_waits_is_a_stop(self):
        job = self.start(missing=[2, 3])
        job.wait_for_text(0, "is a good job file")
        job.kill(0, signal.SIGTERM)
        self.check_ended(job, keepone.STOPPED, "stopped before the ranks were started")

    def test_of_two_launchers_one_works(self):
        job = self.start("--write-units", "15")  # longer at work than the other one waits
        first = job.pods[0]
        self.wait_for_deletes(job)
        job.env["KEEPONE_START_SECONDS"] = 4
        job.start(0)
        self.check_ended(job, pod_case.MPI, "another launcher has the hosts of this job")
        job.pods[0] = first
        self.check_done(job)

    def test_settings_reach_every_rank(self):
        fake = os.path.join(self.folder, "keepone")
        with open(fake, "w", encoding="ascii") as script:
            script.write('#!/bin/sh\n[ "$6" = --check ] ||\n'
                         'echo "$TMPDIR|$AWS_SESSION_TOKEN|$MORE"\n')
        os.chmod(fake, 0o755)
        token = 'a;b c="d",e'
        job = self.start(mounts=[fake + ":/usr/bin/keepone:ro"], env={
            "AWS_SESSION_TOKEN": token, "MORE": "more", "KEEPONE_PASS": "MORE",
            "KEEPONE_SCRATCH": "/runs"})
        self.assertEqual(keepone.DONE, job.wait(0), job.log(0))
        self.assertEqual([f"/runs|{token}|more"] * pod_case.N_PODS, job.log(0).splitlines())

    def make_shared(self):
        shared = os.path.join(self.folder, "shared")
        os.mkdir(shared)
        shutil.copy(self.job_file, os.path.join(shared, "space-diff.yaml"))
        pods.hand_over(shared)
        return shared + ":/shared"

    def make_home(self, hosts):
        """Of somebody who may log in to these hosts, and lists them for mpirun."""
        home = os.path.join(self.folder, "home")
        shutil.copytree(self.keys, os.path.join(home, ".ssh"))
        for name, lines in (("hosts", [host + " slots=1" for host in hosts]),
                            (".ssh/config", SSH_CONFIG)):
            with open(os.path.join(home, name), "w", encoding="ascii") as file:
                file.write("\n".join(lines) + "\n")
        os.chmod(os.path.join(home, ".ssh", "id"), 0o600)
        pods.hand_over(home)
        return f"{home}:/home/{pods.USER_NAME}"

    def test_the_mpirun_of_the_readme(self):
        with open(os.path.join(keepone.ROOT, "README.md"), encoding="utf-8") as readme:
            command = re.search(r"^mpirun .* --hostfile hosts (.*\\\n)+.*$", readme.read(), re.M)
        shared = self.make_shared()
        job = self.start(missing=[0], mounts=[shared])
        home = self.make_home([job.host(index) for index in (1, 2)])
        result = pods.shell(f"""cd ~
            until ssh {job.host(1)} true && ssh {job.host(2)} true; do sleep 1; done 2>/dev/null
            {command[0].replace("-n 16", "-n 2")} --yes --json""",
                            self.network.name, env=pod_case.AWS, mounts=[home, shared])
        self.assertEqual(keepone.DONE, result.returncode, result.stderr)
        self.assertIn('"ranks":2', result.stdout)
        self.check_table(self.table, self.survivors)


if __name__ == "__main__":
    unittest.main()
