#!/usr/bin/env python3
"""The image alone: what is in it, as whom it runs, and what it needs."""

import json
import os
import subprocess
import unittest

import support  # noqa: F401  first: it sets the path
import keepone
import oracle
import pods
import seed

SIZE_LIMIT_MB = 130
MPI, BUG = 50, 70  # exit codes of keepone


class Cases(keepone.Case):
    def setUp(self):
        super().setUp()
        os.chmod(self.folder, 0o755)

    def found(self, env=None):
        """find on a sample export in a container; the plan is the oracle's."""
        items = seed.traps(n_random=300)
        made = self.new_export(items, n_files=3)
        folder = os.path.join(self.folder, self.new_name("runs"))
        os.mkdir(folder)
        pods.hand_over(folder)
        result = pods.run("find", "--export", "/data/" + os.path.relpath(made.path, self.folder),
                          "--run", "/runs/1", "--json", *keepone.options(keepone.RULES), env=env,
                          mounts=[f"{self.folder}:/data:ro", f"{folder}:/runs"])
        self.assertEqual(keepone.DONE, result.returncode, result.stderr)
        counts = json.loads(result.stdout)["counts"]
        run = os.path.join(folder, "1")
        self.check_verdict(run, counts, oracle.judge(items, keepone.RULES))
        self.assertEqual(pods.USER, os.stat(os.path.join(run, "run.json")).st_uid)

    def test_find_runs_without_any_right(self):
        self.found()

    def test_ranks_share_one_container(self):
        self.found({"KEEPONE_RANKS": 3, "KEEPONE_SCRATCH": "/runs"})

    def test_it_is_small_and_says_what_it_is(self):
        facts = json.loads(pods.podman("image", "inspect", pods.IMAGE).stdout)[0]
        print(f"the image has {facts['Size'] / 1e6:.0f} MB")
        self.assertLess(facts["Size"], SIZE_LIMIT_MB * 1e6)
        self.assertEqual(f"{pods.USER}:{pods.USER}", facts["Config"]["User"])
        version = pods.run("--version").stdout.split()
        labels = facts["Config"]["Labels"]
        self.assertEqual(version, [labels[f"org.opencontainers.image.{name}"]
                                   for name in ("title", "version")])

    def test_no_key_and_no_missing_library_is_in_it(self):
        script = r"""
            ls /etc/ssh/ssh_host_* 2>/dev/null
            for file in /usr/bin/* /usr/sbin/sshd /usr/lib/*/openmpi/lib/openmpi3/*.so; do
                ldd "$file" 2>/dev/null | grep -q 'not found' && echo "$file"
            done
            getent passwd keepone | cut -d : -f 1-4,7"""
        result = pods.shell(script)
        self.assertEqual(f"keepone:x:{pods.USER}:{pods.USER}:/bin/bash\n", result.stdout)

    def test_shell_scripts_pass_shellcheck(self):
        scripts = [os.path.join(keepone.ROOT, name) for name in
                   ("scripts/launch", "jobs/slurm.sh", "tests/support/container_image")]
        result = subprocess.run(["shellcheck", *scripts], stdout=subprocess.PIPE, text=True,
                                check=False)
        self.assertEqual((0, ""), (result.returncode, result.stdout))

    def refused(self, sentence, *arguments, env):
        result = pods.run(*arguments, env=env)
        self.assertEqual(keepone.OPTION, result.returncode, result.stderr)
        self.assertIn(sentence, result.stderr)
        self.assertEqual(2, len(result.stderr.splitlines()), result.stderr)

    def test_wrong_settings_are_told_in_a_sentence(self):
        self.refused("KEEPONE_RANKS is 'two'", "--version", env={"KEEPONE_RANKS": "two"})
        several = {"KEEPONE_PODS": 2, "JOB_COMPLETION_INDEX": 0}
        self.refused("KEEPONE_JOB is not set", env=several)
        several |= {"KEEPONE_JOB": "job", "KEEPONE_SERVICE": "keepone"}
        self.refused("there is no key '/etc/keepone/ssh/id'", env=several)
        self.refused("'/etc/ssl/id'", env=several | {"KEEPONE_KEYS": "/etc/ssl"})

    def test_what_keepone_says_and_its_code_are_handed_on(self):
        for ranks in (1, 2):
            with self.subTest(ranks=ranks):
                result = pods.run("find", "--exprot", "x", env={"KEEPONE_RANKS": ranks})
                self.assertEqual(keepone.OPTION, result.returncode)
                self.assertIn("--export", result.stderr)
                self.assertEqual(2, len(result.stderr.splitlines()), result.stderr)

    def faked(self, **programs):
        """A mount and a PATH on which these programs are scripts of ours."""
        for name, script in programs.items():
            path = os.path.join(self.folder, name)
            with open(path, "w", encoding="ascii") as file:
                file.write("#!/bin/sh\n" + script)
            os.chmod(path, 0o755)
        return {"mounts": [self.folder + ":/fake:ro"], "env": {"PATH": "/fake:/usr/bin:/bin"}}

    def test_the_codes_of_mpirun_become_a_sentence_and_a_code_of_keepone(self):
        faked = self.faked(mpirun="exit $CODE\n")
        for code, expected, words in ((1, MPI, "mpirun failed (code 1)"),
                                      (135, MPI, "found /dev/shm full"),
                                      (137, MPI, "a rank was killed"),
                                      (139, BUG, "a rank crashed"),
                                      (keepone.UNCLEAN, keepone.UNCLEAN, "")):
            with self.subTest(code=code):
                result = pods.run("show", mounts=faked["mounts"],
                                  env=faked["env"] | {"KEEPONE_RANKS": 2, "CODE": code})
                self.assertEqual(expected, result.returncode, result.stderr)
                self.assertIn(words, result.stderr)
                self.assertEqual(2 if words else 0, len(result.stderr.splitlines()))

    def test_unfinished_runs_are_listed_first(self):
        faked = self.faked(keepone='echo "$@"\n[ $1 != runs ]\n')
        result = pods.run("find", "--table", "a", mounts=faked["mounts"],
                          env=faked["env"] | {"KEEPONE_RUNS": "/runs"})
        self.assertEqual((keepone.DONE, "runs /runs --unfinished\n", "find --table a\n"),
                         (result.returncode, result.stderr, result.stdout))

    def test_the_error_stands_in_the_status_of_the_pod(self):
        status = os.path.join(self.folder, "status")
        open(status, "w", encoding="ascii").close()
        os.chmod(status, 0o666)
        result = pods.run("find", "--exprot", "x", env={"KEEPONE_RANKS": 2},
                          mounts=[status + ":/dev/termination-log"])
        self.assertEqual(keepone.OPTION, result.returncode)
        with open(status, encoding="utf-8") as lines:
            self.assertEqual(result.stderr, lines.read())


if __name__ == "__main__":
    unittest.main()
