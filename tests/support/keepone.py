"""Runs the program in end-to-end tests, and reads what it leaves behind without its help.

    result = run("find", "--export", path, "--run", folder, *options(rules), ranks=4)
    result.rc, result.out, result.err, result.json
"""

import atexit
import collections
import glob
import json
import os
import resource
import shutil
import signal
import subprocess
import tempfile
import unittest

import dynamodb_local
import export
import oracle

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.environ.get("KEEPONE_PROGRAM", os.path.join(ROOT, "build", "keepone"))
# Open MPI's own files: of two mpiruns that share a folder one may remove what the other just made.
SESSIONS = tempfile.mkdtemp(prefix="ko-")
atexit.register(shutil.rmtree, SESSIONS, ignore_errors=True)
MPIRUN = ["mpirun", "-q", "--oversubscribe", "--bind-to", "none"]
ENVIRONMENT = {
    "OMPI_MCA_orte_tmpdir_base": SESSIONS,
    "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
TIMEOUT_SECONDS = 100
RULE_NAMES = ("key", "keep", "same", "ttl", "max_group", "missing_key", "primary_key")

# The rules of most cases, for tables with the keys pk and sk; and no limit to what apply deletes.
RULES = {"key": "cause", "keep": "oldest:insertedAt,any", "same": "provider",
         "primary_key": "pk,sk"}
ALL = ["--max-delete-percent", "100"]

# The exit codes of the program, as its README promises them.
DONE, OPTION, REFUSED, UNCLEAN, PARTIAL, STOPPED = 0, 2, 3, 4, 5, 10
THROTTLED, AWS, ACCESS, IO, CORRUPT, MEMORY = 20, 21, 22, 30, 31, 40


class Result(collections.namedtuple("Result", "command rc out err")):
    @property
    def json(self):
        """The last JSON object on stdout."""
        return json.loads(self.out[self.out.index("{"):])

    def __str__(self):
        return f"{' '.join(self.command)}\nexit {self.rc}\n{self.out[-3000:]}\n{self.err[-3000:]}"


def start(verb, *arguments, ranks=0, env=None, file_bytes=None, places=(),
          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE):
    """ranks = 0: the program alone; else under mpirun.  file_bytes: no file can grow beyond it, as
    on a full disk.  places: one rank in each of these working directories."""
    command = [PROGRAM, verb, *map(str, arguments)]
    if places:
        apps = [["-n", "1", "--wdir", place, *command] for place in places]
        command = MPIRUN + [word for app in apps for word in [":", *app]][1:]
    elif ranks:
        command = [*MPIRUN, "-n", str(ranks), *command]

    def prepare():
        dynamodb_local.die_with_parent()
        if file_bytes is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))

    return subprocess.Popen(command, env=os.environ | ENVIRONMENT | (env or {}), text=True,
                            stdin=stdin, stdout=stdout, stderr=subprocess.PIPE,
                            start_new_session=True, preexec_fn=prepare)


def run(verb, *arguments, timeout=TIMEOUT_SECONDS, **how):
    """Runs it as start() does, to its end."""
    process = start(verb, *arguments, **how)
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        err += f"\nended after {timeout} s"
    return Result(process.args, process.returncode, out or "", err)


def options(rules):
    """The rules as options of find."""
    return [word for name in RULE_NAMES if name in rules
            for word in ("--" + name.replace("_", "-"), str(rules[name]))]


def unpacked(path):
    return subprocess.run(["zstd", "-dcq", path], stdout=subprocess.PIPE, check=True).stdout


def plan_bytes(folder, name="plan"):
    """The lines of a run's plan in the order of its parts."""
    parts = sorted(glob.glob(os.path.join(folder, name, "part-*.jsonl.zst")))
    return b"".join(map(unpacked, parts))


def plan_pairs(folder, name="plan"):
    """[{"delete": primary key, "keep": primary key}, ...] as the oracle gives them."""
    lines = map(json.loads, plan_bytes(folder, name).splitlines())
    pairs = [{side: compact(line[side]["primary_key"]) for side in ("delete", "keep")}
             for line in lines]
    return sorted(pairs, key=lambda pair: pair["delete"])


def review_groups(folder):
    """[{"why": reason, "items": [primary key, ...]}, ...] as the oracle gives them."""
    lines = map(json.loads, unpacked(os.path.join(folder, "review.jsonl.zst")).splitlines())
    groups = [{"why": line["reason"],
               "items": sorted(compact(item["primary_key"]) for item in line["items"])}
              for line in lines]
    return sorted(groups, key=lambda group: group["items"])


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def survivors(items, verdict, rules):
    """The canonical texts of the items that a plan leaves, sorted."""
    losers = {line["delete"] for line in verdict["plan"]}
    return sorted(dynamodb_local.canonical(item) for item in items
                  if oracle.primary_text(item, rules) not in losers)


def texts(items):
    return sorted(map(dynamodb_local.canonical, items))


class Case(unittest.TestCase):
    """A test with a temporary folder of its own; self.new_run() names a run directory in it."""

    maxDiff = 2000

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="keepone-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.n_names = 0

    def new_name(self, stem):
        self.n_names += 1
        return f"{stem}-{self.n_names}"

    def new_run(self):
        return os.path.join(self.folder, self.new_name("run"))

    def new_export(self, items, **how):
        how = {"key": ("pk", "sk")} | how
        return export.write_export(os.path.join(self.folder, self.new_name("export")), items, **how)

    def run_ok(self, verb, *arguments, rc=DONE, **how):
        """Runs the program and checks its exit code."""
        result = run(verb, *arguments, **how)
        self.assertEqual(rc, result.rc, str(result))
        return result

    def check_error(self, result, rc, *parts):
        """One message, one hint, on stderr; these parts in the message."""
        self.assertEqual(rc, result.rc, str(result))
        errors = [line for line in result.err.splitlines() if "error[" in line]
        self.assertEqual(1, len(errors), str(result))
        for part in parts:
            self.assertIn(str(part), errors[0])

    def check_counts(self, counts):
        self.assertEqual(counts["read"], sum(counts[name] for name in (
            "folded", "filtered", "missing", "unique", "keepers", "planned", "review")), counts)

    def check_ledger(self, ledger, **expected):
        """The ledger adds up, and has these values; what is not named is 0."""
        outcomes = ("deleted", "gone", "changed", "spared", "failed")
        self.assertEqual(ledger["planned"], sum(ledger[name] for name in outcomes), ledger)
        expected = {name: 0 for name in outcomes} | expected
        self.assertEqual(expected, {name: ledger[name] for name in expected}, ledger)

    def check_verdict(self, folder, counts, verdict):
        """A run's plan, counts and review are the oracle's."""
        self.check_counts(counts)
        self.assertEqual(verdict["counts"], {name: counts[name] for name in verdict["counts"]})
        self.assertEqual(verdict["plan"], plan_pairs(folder))
        self.assertEqual(verdict["review"], review_groups(folder))


class ServerCase(Case):
    """Cases with DynamoDB Local, one server for all cases of a file that run together."""

    server = None

    @classmethod
    def setUpClass(cls):
        cls.server = dynamodb_local.Server()
        cls.db = cls.server.client()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def new_table(self, items, hash_key="pk:S", range_key="sk:N"):
        name = self.new_name("space-diff")
        self.db.create_table(name, hash_key, range_key)
        self.addCleanup(self.db.drop_table, name)
        self.db.batch_put(name, items)
        return name

    def at(self, table, endpoint=None):
        return ["--table", table, "--endpoint", endpoint or self.server.endpoint]

    def check_table(self, table, expected):
        """expected: the canonical texts of its items, sorted."""
        self.assertEqual(expected, texts(self.db.scan_all(table)))

    def find_table(self, table, rules, *arguments, endpoint=None, **how):
        """find on a live table; returns the run directory and the counts."""
        folder = self.new_run()
        rules = {name: text for name, text in rules.items() if name != "primary_key"}
        result = self.run_ok("find", *self.at(table, endpoint), "--run", folder, *options(rules),
                             "--json", *arguments, **how)
        return folder, result.json["counts"]

    def apply(self, folder, *arguments, rc=DONE, **how):
        """apply --yes; returns the ledger."""
        result = self.run_ok("apply", folder, "--yes", "--json", *arguments, rc=rc, **how)
        return result.json["ledger"]
