"""The rows of a bench on export files: what runs, in turns, and what of it is kept.

A row is {"runs": [numbers, ...], "wall_s", "cpu_s", "peak_bytes"}: medians, and for keepone the
peak of a first run that is not timed.  "inflating" is wall_s over that of 2 processes that only
inflate the same files, where that was measured.  Rows that look for losers also have "losers" and
"digest", the SHA-256 of the sorted primary keys, so that all can be seen to agree; keepone's have
its "report".
"""

import dataclasses
import glob
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

import machine
import process

HERE = os.path.dirname(os.path.abspath(__file__))
OPTIONS = ["--primary-key", "pk,sk", "--key", "cause", "--same", "provider",
           "--keep", "oldest:insertedAt", "--json"]
FAST = ["--no-md5"]
ANY_GROUP = [*FAST, "--max-group", "0"]
MPIRUN = ["mpirun", "-q", "--oversubscribe", "--bind-to", "none", "-n"]
LONG_SECONDS = 60  # a row whose run takes longer has one run
LOSER = re.compile(rb'"delete":\{"primary_key":'
                   rb'\{"pk":\{"S":"([^"\\]*)"\},"sk":\{"S":"([^"\\]*)"\}')


@dataclasses.dataclass
class Find:
    """keepone on files."""

    name: str
    ranks: int = 2
    kind: str = "friendly"
    options: list = dataclasses.field(default_factory=lambda: FAST)


@dataclasses.dataclass
class Inflate:
    """Only inflating the files, each process its share of them."""

    name: str
    processes: int
    kind: str = "friendly"


@dataclasses.dataclass
class Peer:
    """A program of tests/bench/peers: words and then EXPORT OUT; probe prints its version."""

    name: str
    words: list
    probe: list
    kind: str = "friendly"


FINDS = [
    Find("find"),
    Find("find, 1 rank", ranks=1),
    Find("find, re-read", options=[*FAST, "--memory", "small"]),
    Find("find, md5", options=[]),
    Find("find, 8 ranks", ranks=8),
    Find("find hard", kind="hard"),
    Find("find hot50", kind="hot50", options=ANY_GROUP),
    Find("find even50", kind="even50", options=ANY_GROUP),
    Find("find hot100", kind="hot100", options=ANY_GROUP),
    Find("find even100", kind="even100", options=ANY_GROUP),
]
INFLATES = [Inflate("igzip -dc, 2 processes", 2), Inflate("igzip -dc, 1 process", 1),
            Inflate("igzip -dc, hard", 2, kind="hard")]


def peers(python):
    """All peers; python: the interpreter that has their modules."""
    def module(name):
        return [python, "-c", f"import {name}; print('{name}', {name}.__version__)"]

    def script(name):
        return os.path.join(HERE, "peers", name)

    duckdb = [python, script("duckdb_peer.py")]
    return [
        Peer("DuckDB, group-by", [*duckdb, "group"], module("duckdb")),
        Peer("DuckDB, window", [*duckdb, "window"], module("duckdb")),
        Peer("DuckDB, tuned", [*duckdb, "tuned"], module("duckdb")),
        Peer("Polars", [python, script("polars_peer.py")], module("polars")),
        Peer("PySpark", [python, script("pyspark_peer.py")], module("pyspark")),
        Peer("Python, dict", ["python3", script("python_peer.py")], ["python3", "--version"]),
        Peer("node, Map", ["node", script("node_peer.mjs")], ["node", "--version"]),
        Peer("zcat, jq, sort", [script("jq_peer")], ["jq", "--version"]),
    ]


class Bench:
    """Runs rows on the exports of a folder; run directories are made beside them."""

    def __init__(self, keepone, folder, items, python):
        self.keepone, self.folder, self.items = keepone, folder, items
        self.work = tempfile.mkdtemp(prefix="runs-", dir=folder)
        self.versions = {peer.name: machine.version_of(peer.probe) for peer in peers(python)}
        self.all_rows = [*FINDS, *INFLATES,
                         *(peer for peer in peers(python) if self.versions[peer.name])]

    def close(self):
        shutil.rmtree(self.work)

    def measure(self, reps, pattern):
        """{name: row} of the rows whose names match."""
        chosen = [row for row in self.all_rows if re.search(pattern, row.name, re.IGNORECASE)]
        results = {row.name: {"runs": []} for row in chosen}
        for row in chosen:
            if isinstance(row, Find):
                results[row.name] |= self.look_closely(row)
        for rep in range(reps):
            for row in chosen:
                result = results[row.name]
                if rep == 0 or result["runs"][0]["wall_s"] <= LONG_SECONDS:
                    result["runs"].append(self.run(row, result))
            print(f"bench: {rep + 1} of {reps} done", file=sys.stderr)
        for result in results.values():
            for number in result["runs"][0]:
                result.setdefault(number, statistics.median(r[number] for r in result["runs"]))
        floors = {row.kind: results[row.name]["wall_s"] for row in chosen
                  if isinstance(row, Inflate) and row.processes == 2}
        for row in chosen:
            if row.kind in floors:
                results[row.name]["inflating"] = results[row.name]["wall_s"] / floors[row.kind]
        return results

    def export(self, kind):
        return os.path.join(self.folder, f"{kind}-{self.items}")

    def file_bytes(self):
        """Of the compressed files of the friendly export."""
        names = glob.glob(os.path.join(self.export("friendly"), "data", "*.gz"))
        return sum(map(os.path.getsize, names))

    def run(self, row, result):
        if isinstance(row, Inflate):
            numbers, _ = process.run(["bash", "-c", self.inflate_script(row)])
            del numbers["peak_bytes"]  # that of a shell and of igzip: next to nothing
            return numbers
        if isinstance(row, Find):
            return self.find(row)[0]
        out = os.path.join(self.work, "losers.tsv")
        numbers, _ = process.run([*row.words, self.export(row.kind), out])
        if "digest" not in result:
            with open(out, "rb") as lines:
                result |= digest_of(lines)
        return numbers

    def inflate_script(self, row):
        files = sorted(glob.glob(os.path.join(self.export(row.kind), "data", "*.gz")))
        shares = (" ".join(f"'{name}'" for name in files[i::row.processes])
                  for i in range(row.processes))
        loops = (f"(for f in {share}; do igzip -dc $f; done) >/dev/null & " for share in shares)
        return "".join(loops) + "wait"

    def find(self, row, watch=None):
        """(numbers, stdout, run directory) of one find."""
        # Removed at the end of all: ext4 is slow to make files where many were just removed.
        folder = tempfile.mkdtemp(prefix="run-", dir=self.work)
        small = f"{max(24, self.items * 15 // 1000000)}M"  # no room for a log, but for fingerprints
        options = [small if option == "small" else option for option in row.options]
        command = [self.keepone, "find", "--export", self.export(row.kind), "--run", folder,
                   *OPTIONS, *options]
        if row.ranks > 1:
            command = [*MPIRUN, str(row.ranks), *command]
        return *process.run(command, watch), folder

    def look_closely(self, row):
        """A run that is not timed: memory, report, losers."""
        numbers, output, folder = self.find(row, watch="keepone")
        report = json.loads(output.strip().splitlines()[-1])
        losers = digest_of(losers_of(folder))
        if losers["losers"] != report["counts"]["planned"]:
            sys.exit(f"bench: {row.name}: the plan has {losers['losers']} lines of "
                     f"{report['counts']['planned']}")
        return {"peak_bytes": numbers["peak_bytes"], "report": report, **losers}


def losers_of(folder):
    """The primary keys that a run would delete, as lines of two columns."""
    parts = sorted(glob.glob(os.path.join(folder, "plan", "part-*.jsonl.zst")))
    with subprocess.Popen(["zstd", "-dcq", *parts], stdout=subprocess.PIPE) as unpacked:
        for line in unpacked.stdout:
            yield b"\t".join(LOSER.search(line).groups()) + b"\n"


def digest_of(lines):
    """How many lines, and the SHA-256 of them sorted.  They are not kept here: what this process
    holds would be seen as the peak of each small program that it starts."""
    n_lines = 0
    with subprocess.Popen("sort | sha256sum", shell=True, env=os.environ | {"LC_ALL": "C"},
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as pipeline:
        for line in lines:
            pipeline.stdin.write(line)
            n_lines += 1
        pipeline.stdin.close()
        digest = pipeline.stdout.read().split()[0].decode()
    return {"losers": n_lines, "digest": digest}


def check_agreement(rows, kinds):
    """All rows on the same export found the same losers; kinds: of each row by its name."""
    first = {}
    for name, row in rows.items():
        if "digest" not in row:
            continue
        other = first.setdefault(kinds[name], name)
        if row["digest"] != rows[other]["digest"]:
            sys.exit(f"bench: {name} found other losers than {other}: {row['losers']} "
                     f"and {rows[other]['losers']}")
