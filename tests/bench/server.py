"""Scan and apply against servers: the stub server, which answers at once and counts, and DynamoDB
Local.

Requests in flight are counted as connections: each carries one request at a time, and one is opened
only while all others are busy, so the most that were open at a time were in flight.
"""

import json
import os
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor

import process

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import dynamodb_local  # noqa: E402
import keepone  # noqa: E402
import seed  # noqa: E402
import stub  # noqa: E402

RANKS = 2
STUB_ITEMS = 400_000  # half of them are copies
LOCAL_ITEMS = 20_000
CAPS = [(50, 400), (1000, 2000), (50000, 10000)]  # write units per second, bytes per item
CAP_SECONDS = 13  # so that there is a window of ten seconds between start and end
RULES = ["--key", "cause", "--keep", "oldest:insertedAt,any", "--json"]
SAMPLE_SECONDS = 0.02
ESTABLISHED = "01"


class Connections:
    """The most connections to a port that are open at a time, sampled by a thread."""

    def __init__(self, port):
        self.end_of_line = f":{port:04X}"
        self.most = 0
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.sample)
        self.thread.start()

    def sample(self):
        while not self.is_over.wait(SAMPLE_SECONDS):
            lines = [line.split() for line in process.read("/proc/net/tcp").splitlines()[1:]]
            self.most = max(self.most, sum(line[2].endswith(self.end_of_line) and
                                           line[3] == ESTABLISHED for line in lines))

    def end(self):
        self.is_over.set()
        self.thread.join()
        return self.most


def run(verb, words, port, ranks=RANKS):
    """(numbers, the program's report) of a verb."""
    command = [keepone.PROGRAM, verb, *map(str, words)]
    if ranks > 1:
        command = [*keepone.MPIRUN, "-n", str(ranks), *command]
    connections = Connections(port)
    try:
        numbers, output = process.run(command)
    finally:
        most = connections.end()
    return numbers | {"in_flight": most}, json.loads(output.strip().splitlines()[-1])


def row(what, numbers, seconds, n_items):
    return {"what": what, "items": n_items, "items_per_s": n_items / seconds,
            "cpu_us_per_item": numbers["cpu_s"] * 1e6 / n_items,
            "in_flight": numbers["in_flight"]}


def find_and_apply(endpoint, port, table, rules, folder):
    """Two rows: what a scanned item and a checked delete cost us, starting mpirun included."""
    run_folder = tempfile.mkdtemp(dir=folder)
    at = ["--table", table, "--endpoint", endpoint]
    numbers, report = run("find", [*at, "--run", run_folder, *rules], port)
    rows = [row("scan", numbers, report["seconds"]["read"], report["counts"]["read"])]
    numbers, report = run("apply", [run_folder, "--yes", "--json", *keepone.ALL], port)
    n_deleted = report["ledger"]["deleted"]
    if n_deleted != report["ledger"]["planned"]:
        sys.exit(f"bench: apply at {endpoint} left something: {report['ledger']}")
    return [*rows, row("apply", numbers, report["seconds"]["apply"], n_deleted)]


def measure_stub(folder):
    server = stub.Stub(items=STUB_ITEMS, copy_percent=100)
    try:
        return find_and_apply(server.at[1], server.port, "t", RULES, folder)
    finally:
        server.counts()


def measure_local(folder):
    server = dynamodb_local.Server()
    try:
        client = server.client()
        client.create_table("space-diff", "pk:S", "sk:S")
        client.batch_put("space-diff", seed.space_diff(LOCAL_ITEMS, repeated=0.3).items)
        port = int(server.endpoint.rpartition(":")[2])
        return find_and_apply(server.endpoint, port, "space-diff",
                              [*RULES, "--segments", "64"], folder)
    finally:
        server.stop()


def measure_cap(folder, cap, item_bytes):
    """How much of a write cap apply uses, and by how much it is above it in any ten seconds."""
    item_units = -(-item_bytes // 1024)
    n_losers = int(cap * CAP_SECONDS / item_units)
    server = stub.Stub(items=2 * n_losers, item_bytes=item_bytes, copy_percent=100)
    run_folder = tempfile.mkdtemp(dir=folder)
    try:
        run("find", ["--table", "t", *server.at, "--run", run_folder, *RULES], server.port)
        run("apply", [run_folder, "--yes", "--json", *keepone.ALL, "--write-units", cap],
            server.port)
    finally:
        counts = server.counts()["write"]
    above = max(0, counts["max_10s"] - 10 * cap - item_units)
    return {"cap": cap, "used_percent": 100 * stub.used_part(counts["per_100ms"], cap),
            "above_percent": above / (10 * cap) * 100}


def measure_caps(folder):
    """Small caps leave the machine idle: they are tried at the same time."""
    with ThreadPoolExecutor(len(CAPS)) as pool:
        small = list(pool.map(lambda cap: measure_cap(folder, *cap), CAPS[:-1]))
    caps = [*small, measure_cap(folder, *CAPS[-1])]
    return {"rows": caps, "least_used_percent": min(c["used_percent"] for c in caps),
            "most_above_percent": max(c["above_percent"] for c in caps)}


def measure(folder):
    os.environ.update(keepone.ENVIRONMENT)
    with tempfile.TemporaryDirectory(prefix="server-", dir=folder) as work:
        result = {"DynamoDB Local": measure_local(work), "stub": measure_stub(work),
                  "caps": measure_caps(work)}
    return result | {"apply": result["stub"][1]}
