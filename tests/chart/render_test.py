"""What the chart renders: reviewed texts, objects that Kubernetes takes, the job file as given."""

import os
import re
import subprocess
import tempfile
import unittest

import support
import yaml
from support import CHART, FIND, HELMS, PROGRAM, ROOT

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")


def reviewed(text):
    """Helms differ in empty lines, and a key is another one each time."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    return re.sub(r"(?m)^  id: \S+$", "  id: KEY", "\n".join(lines) + "\n")


def notes(values):
    """What `helm install` says at its end; Helm 3 would ask a cluster."""
    printed = support.helm(HELMS[-1], "install", "diff", CHART, "-f", values, "--dry-run=client")
    return printed.stdout[printed.stdout.index("NOTES:"):]


class Cases(support.Case):
    def check_golden(self, name, text):
        """KEEPONE_GOLDEN=write takes what is printed; look at it before you commit it."""
        path = os.path.join(GOLDEN, name)
        if os.environ.get("KEEPONE_GOLDEN") == "write":
            with open(path, "w", encoding="utf-8") as out:
                out.write(text)
        with open(path, encoding="utf-8") as golden:
            self.assertEqual(golden.read(), text, name)

    def test_each_case_is_as_reviewed_with_each_helm(self):
        for program in HELMS:
            for name, values in support.cases().items():
                with self.subTest(name, helm=program):
                    made = self.rendered(values, program=program)
                    self.check_golden(f"{name}.yaml", reviewed(made.text))

    def test_each_case_says_how_to_go_on(self):
        for name, values in support.cases().items():
            with self.subTest(name):
                self.check_golden(f"{name}.txt", notes(values))

    def test_helm_finds_no_fault(self):
        for program in HELMS:
            for values in ([], *(["-f", path] for path in support.cases().values())):
                result = support.helm(program, "lint", "--strict", CHART, *values)
                self.assertEqual(0, result.returncode, result.stdout + result.stderr)

    def test_kubernetes_takes_every_object(self):
        for name, values in support.cases().items():
            for each in self.rendered(values).objects:
                with self.subTest(name, kind=each["kind"]):
                    support.check_object(each)

    def test_a_misspelt_field_would_be_noticed(self):
        job = self.rendered({"job": FIND}).one("Job")
        job["spec"]["template"]["spec"]["containers"][0]["securityContext"]["readOnlyRoot"] = True
        with self.assertRaisesRegex(Exception, "readOnlyRoot"):
            support.check_object(job)

    def test_pods_satisfy_the_restricted_standard(self):
        kinds = {"configMap", "emptyDir", "secret", "persistentVolumeClaim", "ephemeral", "name"}
        for name, values in support.cases().items():
            made = self.rendered(values)
            for pod in [made.pod_spec, *(pod["spec"] for pod in made.all("Pod"))]:
                with self.subTest(name):
                    self.assertIs(True, pod["securityContext"]["runAsNonRoot"])
                    self.assertEqual("RuntimeDefault",
                                     pod["securityContext"]["seccompProfile"]["type"])
                    self.assertIs(False, pod["automountServiceAccountToken"])
                    self.assertLessEqual({kind for volume in pod["volumes"] for kind in volume},
                                         kinds)
                    for container in pod["containers"]:
                        self.assertEqual({"allowPrivilegeEscalation": False,
                                          "readOnlyRootFilesystem": True,
                                          "capabilities": {"drop": ["ALL"]}},
                                         container["securityContext"])

    def test_one_pod_needs_no_key_and_no_service(self):
        made = self.rendered({"job": FIND})
        self.assertEqual({"ConfigMap", "Job", "NetworkPolicy", "PersistentVolumeClaim", "Pod",
                          "ServiceAccount"}, {each["kind"] for each in made.objects})
        self.assertNotIn("completionMode", made.job_spec)
        self.assertNotIn("subdomain", made.pod_spec)
        self.assertNotIn("ingress", made.one("NetworkPolicy")["spec"])

    def test_many_pods_find_each_other_by_name_and_key(self):
        for more in ({}, {"schedule": "@daily"}):
            made = self.rendered({"job": FIND, "pods": 3} | more)
            service = made.one("Service")
            labels = made.job_spec["template"]["metadata"]["labels"]
            self.assertEqual("Indexed", made.job_spec["completionMode"])
            self.assertEqual((3, 3), (made.job_spec["completions"], made.job_spec["parallelism"]))
            self.assertEqual(made.pod_spec["subdomain"], service["metadata"]["name"])
            self.assertEqual("None", service["spec"]["clusterIP"])
            self.assertIs(True, service["spec"]["publishNotReadyAddresses"])
            self.assertLessEqual(service["spec"]["selector"].items(), labels.items())
            names = {volume["name"]: volume for volume in made.pod_spec["volumes"]}
            self.assertEqual({"secretName": made.one("Secret")["metadata"]["name"],
                              "defaultMode": 0o440}, names["ssh"]["secret"])

    def test_the_key_is_a_private_key_in_pem(self):
        made = self.rendered({"job": FIND, "pods": 2})
        encoded = made.one("Secret")["data"]["id"]
        pem = subprocess.run(["base64", "-d"], input=encoded.encode(), stdout=subprocess.PIPE,
                             check=True).stdout
        self.assertTrue(pem.startswith(b"-----BEGIN EC PRIVATE KEY-----\n"), pem[:40])
        given = self.rendered({"job": FIND, "pods": 2, "mpi": {"existingSecret": "mine"}})
        self.assertEqual([], given.all("Secret"))
        self.assertIn("mine", [volume["secret"]["secretName"] for volume in
                               given.pod_spec["volumes"] if "secret" in volume])

    def test_the_job_file_says_what_the_values_say(self):
        job = FIND | {"key": ["handle:lower", "a,b"], "max-group": 12345678, "segments": 1000000,
                      "keep": ["equals:a=1e3", "oldest:at"], "consistent": True, "region": "eu-1",
                      "where": "a = \"<x> & 'ü'\" AND b > 3", "memory": "512M", "same": "null",
                      "read-units": 4294967, "ttl": "yes", "in-flight": 7}
        for program in HELMS:
            made = self.rendered({"job": job}, program=program)
            self.assertEqual(job, yaml.safe_load(made.job_file), made.job_file)
            self.assertNotIn("e+", made.job_file)
            self.check_job(made)

    def check_job(self, made):
        """keepone takes the rendered command line and job file."""
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(made.job_file)
            file.flush()
            words = [file.name if word == "/etc/keepone/job.yaml" else
                     word.replace("$(KEEPONE_JOB)", "a-job") for word in made.container["args"]]
            result = subprocess.run([PROGRAM, *words, "--check"], stderr=subprocess.PIPE, text=True,
                                    env=os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1",
                                                      "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"})
        self.assertEqual(0, result.returncode, result.stderr)
        self.assertIn("is a good job file", result.stderr)

    def test_keepone_takes_the_job_of_each_case(self):
        for name, values in support.cases().items():
            with self.subTest(name):
                self.check_job(self.rendered(values))

    def test_keepone_takes_every_verb(self):
        jobs = {"show": {}, "undo": {}, "verify": {}, "apply": {"max-delete": 1},
                "plan": {"only": "/tmp/ids"}}
        values = [{"job": {"verb": verb, "run": "a-run"} | more, "confirm": True}
                  for verb, more in jobs.items()]
        values += [{"job": {"verb": "export", "table": "t", "to": "s3://b/p"}},
                   {"job": {"verb": "estimate", "table": "t"}},
                   {"job": {"verb": "runs", "base": "s3://b/p"}}]
        for each in values:
            with self.subTest(each["job"]["verb"]):
                self.check_job(self.rendered(each))

    def test_a_run_has_the_name_of_its_job_or_the_name_given(self):
        def run_of(values):
            words = self.rendered(values).container["args"]
            return words[words.index("--run") + 1] if "--run" in words else None

        s3 = {"runs": {"s3": "s3://b/p/"}}
        self.assertEqual("/runs/$(KEEPONE_JOB)", run_of({"job": FIND}))
        self.assertEqual("s3://b/p/$(KEEPONE_JOB)", run_of({"job": FIND} | s3))
        self.assertEqual("/runs/old", run_of({"job": FIND | {"run": "old"}}))
        self.assertEqual("s3://b/p/old", run_of({"job": FIND | {"run": "old"}} | s3))
        self.assertEqual("s3://c/old", run_of({"job": FIND | {"run": "s3://c/old"}} | s3))
        self.assertIsNone(run_of({"job": {"verb": "verify", "table": "t", "key": "k"}}))

    def test_a_run_is_kept_when_the_release_goes(self):
        claim = self.rendered({"job": FIND}).one("PersistentVolumeClaim")
        self.assertEqual("keep", claim["metadata"]["annotations"]["helm.sh/resource-policy"])
        for values in ({"runs": {"s3": "s3://b/p"}}, {"runs": {"existingClaim": "mine"}}):
            self.assertEqual([], self.rendered({"job": FIND} | values).all("PersistentVolumeClaim"))

    def test_only_what_decides_the_run_gives_the_job_another_name(self):
        def name_of(values, *words):
            return self.rendered(values, *words).one("Job")["metadata"]["name"]

        base = {"job": FIND | {"max-group": 5000000}}
        name = name_of(base)
        same = [{"ttlSecondsAfterFinished": 5}, {"backoffLimit": 1}, {"deadlineSeconds": 60},
                {"networkPolicy": {"enabled": False}},
                {"serviceAccount": {"annotations": {"a": "b"}}}]
        others = [{"again": "2026-12"}, {"again": 2}, {"image": {"tag": "2"}}, {"pods": 2},
                  {"ranksPerPod": 3}, {"job": FIND}, {"extraEnv": [{"name": "A", "value": "b"}]}]
        self.assertEqual([name] * len(same), support.at_once(lambda v: name_of(base | v), same))
        found = support.at_once(lambda v: name_of(base | v), others)
        self.assertEqual(len(others) + 1, len({name, *found}))
        self.assertEqual(name, name_of({"job": FIND}, "--set", "job.max-group=5000000"))

    def test_names_leave_room_for_what_kubernetes_adds(self):
        long = "a-release-name-that-is-as-long-as-helm-lets-it-be-ok"
        for values in ({"job": FIND, "pods": 1000}, {"job": FIND, "schedule": "@daily"}):
            made = self.rendered(values, release=long)
            for each in made.all("Job"):
                self.assertLessEqual(len(each["metadata"]["name"] + "-999"), 63)
            for each in made.all("CronJob"):
                self.assertLessEqual(len(each["metadata"]["name"]), 52)

    def test_the_ports_of_endpoints_are_open(self):
        def ports(endpoint):
            policy = self.rendered({"job": FIND | {"endpoint": endpoint}}).one("NetworkPolicy")
            return [rule["ports"][0]["port"] for rule in policy["spec"]["egress"]]

        self.assertEqual([53, 443, 80, 8000], ports("http://dynamodb-local:8000"))
        self.assertEqual([53, 443, 80, 80], ports("http://10.0.0.5/path"))
        self.assertEqual([53, 443, 80, 443], ports("https://x.example.com"))

    def test_what_another_try_cannot_change_ends_the_job(self):
        rules = self.rendered({"job": FIND}).job_spec["podFailurePolicy"]["rules"]
        self.assertEqual(["Ignore", "FailJob"], [rule["action"] for rule in rules])
        self.assertEqual([2, 3, 4, 5, 22, 31, 40, 70], rules[1]["onExitCodes"]["values"])

    def test_a_cron_job_never_overlaps_and_tells_of_older_runs(self):
        made = self.rendered({"job": FIND, "schedule": "@daily"})
        self.assertEqual("Forbid", made.one("CronJob")["spec"]["concurrencyPolicy"])
        env = {each["name"]: each.get("value") for each in made.container["env"]}
        self.assertEqual("/runs", env["KEEPONE_RUNS"])
        self.assertEqual([], made.all("Job"))

    def test_the_chart_is_of_this_version(self):
        with open(os.path.join(CHART, "Chart.yaml"), encoding="utf-8") as file:
            chart = yaml.safe_load(file)
        with open(os.path.join(ROOT, "CMakeLists.txt"), encoding="utf-8") as file:
            version = re.search(r"project\(keepone VERSION (\S+)", file.read())[1]
        self.assertEqual(version, chart["appVersion"])


if __name__ == "__main__":
    unittest.main()
