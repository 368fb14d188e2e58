"""Renders the chart with each Helm that scripts/setup has fetched, and judges what comes out.

Import it first: it goes on under the Python that has a YAML reader and Kubernetes' schemas.
"""

import concurrent.futures
import glob
import os
import subprocess
import sys
import tempfile
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(TESTS)
sys.path.insert(0, os.path.join(TESTS, "support"))

import s3_servers  # noqa: E402

PYTHON = s3_servers.python()
if os.path.dirname(os.path.dirname(PYTHON)) != sys.prefix:
    os.execv(PYTHON, [PYTHON, "-B", *sys.argv])

import kubernetes_validate  # noqa: E402
import yaml  # noqa: E402

CHART = os.path.join(ROOT, "helm", "keepone")
PROGRAM = os.environ.get("KEEPONE_PROGRAM", os.path.join(ROOT, "build", "keepone"))
KUBERNETES = ("1.29", "1.32")  # the oldest that the chart takes, and a later one
FIND = {"table": "space-diff", "key": "cause", "keep": "any"}


def find_helms():
    """The programs: KEEPONE_HELMS, with colons between, or those of scripts/setup."""
    given = os.environ.get("KEEPONE_HELMS")
    found = given.split(":") if given else sorted(glob.glob(s3_servers.cache("helm-*/helm")))
    if not found:
        raise RuntimeError("no Helm; run scripts/setup, or name some in KEEPONE_HELMS")
    return found


HELMS = find_helms()


def cases():
    """{"find": path of its values} of helm/keepone/ci."""
    paths = sorted(glob.glob(os.path.join(CHART, "ci", "*-values.yaml")))
    return {os.path.basename(path).removesuffix("-values.yaml"): path for path in paths}


def helm(program, *words):
    return subprocess.run([program, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, text=True, timeout=60,
                          env=os.environ | {"HOME": tempfile.gettempdir(),
                                            "KUBECONFIG": os.devnull})


def at_once(function, items):
    """The results in order; each call waits for a Helm of its own."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(function, items))


class Rendered:
    """What `helm template` prints for some values: text, or the error."""

    def __init__(self, result):
        self.is_refused = result.returncode != 0
        self.error = result.stderr
        self.text = result.stdout
        self.objects = [] if self.is_refused else [
            each for each in yaml.safe_load_all(result.stdout) if each]

    def all(self, kind):
        return [each for each in self.objects if each["kind"] == kind]

    def one(self, kind):
        found = self.all(kind)
        assert len(found) == 1, f"{len(found)} of {kind}"
        return found[0]

    @property
    def job_spec(self):
        if self.all("CronJob"):
            return self.one("CronJob")["spec"]["jobTemplate"]["spec"]
        return self.one("Job")["spec"]

    @property
    def pod_spec(self):
        return self.job_spec["template"]["spec"]

    @property
    def container(self):
        return self.pod_spec["containers"][0]

    @property
    def job_file(self):
        return self.one("ConfigMap")["data"]["job.yaml"]


def render(values, *words, program=HELMS[-1], release="diff"):
    """values: a file, or what is written into one."""
    if isinstance(values, str):
        return Rendered(helm(program, "template", release, CHART, "-f", values, *words))
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(values, file)
        file.flush()
        return render(file.name, *words, program=program, release=release)


def check_object(made):
    """Raises unless each Kubernetes takes the object, unknown fields and all."""
    for version in KUBERNETES:
        kubernetes_validate.validate(made, version, strict=True)


class Case(unittest.TestCase):
    maxDiff = None

    def rendered(self, values, *words, **how):
        made = render(values, *words, **how)
        self.assertFalse(made.is_refused, made.error)
        return made

    def refused(self, values, *words, **how):
        made = render(values, *words, **how)
        self.assertTrue(made.is_refused, "it should be refused")
        return made.error
