"""How long find and apply take for 1 to 1,024 ranks and 10^9 to 10^12 items, and what is used up
first: a model of a few lines, from costs that scripts/bench measured.

    model.py --json bench.json [--server server.json] [--markdown]

Each resource is asked how long it alone would need for a rank's share of the work.  Reading,
sending and spilling go on at the same time, so the slowest decides, and is named.  One rank's costs
per item hold for every number of ranks, but for `efficiency`: what cores that share a memory lose,
as igzip loses it.  model_test.py checks the prediction of two ranks against two real ones.
"""

import argparse
import dataclasses
import json
import math
import os

import report

RANKS = (1, 8, 64, 256, 1024)
ITEMS = (10**9, 10**10, 10**11, 10**12)
LOG, REREAD = "log", "re-read"
FINGERPRINT_BYTES = 8

# Slices of partitions, see choose_units() in src/stage/repeats_exchange.c.
PARTITIONS = 1024
VALUE_BYTES, TURN_BYTES = 5, 2  # per item of a rank; more than their part of memory is spilled
TABLE_BYTES = 54                # per item of a partition, with 2 lists under way
PASS_S = 4.6e-9                 # per item; measured with 20 million of them and 16 slices


@dataclasses.dataclass
class Cluster:
    """What is assumed of the machines and of the table.  Nothing of this was measured."""

    ranks_per_host: int = 16                 # one for each core
    host_network: float = 12.5e9 / 8         # bytes per second, in each direction
    rank_memory: float = 2e9                 # --memory
    host_scratch: float = 1e9                # bytes per second
    write_units: float = 40_000              # per second, the quota of a table on demand
    units_per_delete: float = 1


@dataclasses.dataclass
class Costs:
    """Measured.  Seconds of one rank that has a core for itself."""

    read_s: float             # per item, inflating included
    reread_s: float           # per item, of files that are read a second time
    candidate_s: float        # per candidate: sent, sorted, resolved
    plan_s: float             # per loser
    start_s: float            # of mpirun and of a run
    delete_s: float           # per checked delete; 0 = not measured
    efficiency: float         # of two ranks
    candidates: float         # per item
    losers: float             # per item
    file_bytes: float         # per item, compressed
    wire_bytes: float         # per item: its fingerprint and the answer
    candidate_bytes: float    # per candidate, on the wire
    log_bytes: float          # per item, in memory


def seconds(row, *phases):
    """Of some phases of a run, or of all."""
    taken = row["report"]["seconds"]
    return sum(taken[name] for name in phases or taken)


def costs_of(bench, server=None):
    """Costs from the JSON of a bench."""
    rows, n_items = bench["rows"], bench["items"]
    one, two, again = rows["find, 1 rank"], rows["find"], rows["find, re-read"]
    eight = rows["find, 8 ranks"]["report"]
    counts, candidates = one["report"]["counts"], one["report"]["candidates"]
    inflate = [rows[f"igzip -dc, {n}"]["wall_s"] for n in ("1 process", "2 processes")]
    efficiency = min(1.0, inflate[0] / inflate[1] / 2)
    reread_s = (seconds(again) - seconds(two)) * 2 * efficiency / n_items
    return Costs(
        read_s=seconds(one, "read", "fingerprint") / n_items,
        reread_s=max(0.0, reread_s),
        candidate_s=seconds(one, "candidate", "resolve") / candidates,
        plan_s=seconds(one, "plan") / counts["planned"],
        start_s=max(0.0, two["wall_s"] - seconds(two)),
        delete_s=server["server"]["apply"]["cpu_us_per_item"] / 1e6 if server else 0.0,
        efficiency=efficiency,
        candidates=candidates / n_items,
        losers=counts["planned"] / n_items,
        file_bytes=bench["file_bytes"] / n_items,
        wire_bytes=eight["wire_bytes"]["fingerprint"] / n_items,
        candidate_bytes=eight["wire_bytes"]["candidate"] / candidates,
        log_bytes=one["peak_bytes"] / n_items)


def phases_s(costs, n_items, ranks, way=LOG):
    """The work of a rank, if it had nothing to wait for."""
    share = n_items / ranks
    efficiency = costs.efficiency if ranks > 1 else 1.0
    per_item = costs.read_s + costs.candidates * costs.candidate_s + costs.losers * costs.plan_s
    if way == REREAD:
        per_item += costs.reread_s
    return share * per_item / efficiency


def is_spilled(memory, share):
    return share * VALUE_BYTES > memory * 5 / 8 / 2


def more_passes(memory, n_items, share):
    """How often a rank goes over its fingerprints once more: a partition whose tables do not fit
    is compared in slices, each of them is looked for when it is sent and when it is answered."""
    given = memory * 5 / 8
    kept = min(share * TURN_BYTES, given / 8)
    if not is_spilled(memory, share):
        kept += share * VALUE_BYTES
    tables = n_items / PARTITIONS * TABLE_BYTES
    slice_bits = math.ceil(math.log2(tables / ((given - kept) / 2)))
    return 2 * (2 ** max(0, slice_bits) - 1)


def find(costs, cluster, n_items, ranks):
    """(seconds, what is used up first, log or re-read) of find on an export in S3."""
    share = n_items / ranks
    on_host = min(ranks, cluster.ranks_per_host)
    way = LOG if share * costs.log_bytes <= cluster.rank_memory else REREAD
    n_reads = 1 if way == LOG else 2
    away = (ranks - 1) / ranks  # the part of what is sent that goes to another rank
    network = share * (costs.file_bytes * n_reads + away * (
        costs.wire_bytes + costs.candidates * costs.candidate_bytes))
    kept = share * (FINGERPRINT_BYTES + (costs.candidates * costs.candidate_bytes
                                         if way == REREAD else costs.log_bytes))
    spilled = max(0.0, kept - cluster.rank_memory) * 2  # written and read
    passes = more_passes(cluster.rank_memory, n_items, share)
    if is_spilled(cluster.rank_memory, share):
        spilled += passes * share * VALUE_BYTES
    needs = {"CPU": phases_s(costs, n_items, ranks, way) + passes * share * PASS_S,
             "network": network * on_host / cluster.host_network,
             "scratch": spilled * on_host / cluster.host_scratch}
    first = max(needs, key=needs.get)
    return costs.start_s + needs[first], first, way


def apply(costs, cluster, n_items, ranks):
    """(seconds, what is used up first) of deleting all losers."""
    n_losers = n_items * costs.losers
    needs = {"CPU": n_losers / ranks * costs.delete_s,
             "write units": n_losers * cluster.units_per_delete / cluster.write_units}
    first = max(needs, key=needs.get)
    return costs.start_s + needs[first], first


def told(taken_s):
    for unit, unit_s in (("d", 86400), ("h", 3600), ("min", 60)):
        if taken_s >= 2 * unit_s:
            return f"{taken_s / unit_s:.1f} {unit}"
    return f"{taken_s:.1f} s"


def tables(costs, cluster, markdown):
    head = ("ranks", *(f"10^{len(str(n)) - 1} items" for n in ITEMS))
    rows = []
    for ranks in RANKS:
        cells = []
        for n_items in ITEMS:
            taken_s, first, way = find(costs, cluster, n_items, ranks)
            cells.append(f"{told(taken_s)}, {first}, {way}")
        rows.append((f"find, {ranks:,}", *cells))
    for ranks in RANKS if costs.delete_s else ():
        cells = ["{}, {}".format(told(taken_s), first) for taken_s, first in
                 (apply(costs, cluster, n_items, ranks) for n_items in ITEMS)]
        rows.append((f"apply, {ranks:,}", *cells))
    return report.table(head, rows, markdown)


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--json", required=True)
    parser.add_argument("--server", help="of scripts/bench --server; without it no apply")
    parser.add_argument("--markdown", action="store_true")
    arguments = parser.parse_args()
    has_server = arguments.server and os.path.exists(arguments.server)
    try:
        costs = costs_of(read(arguments.json), read(arguments.server) if has_server else None)
    except (OSError, KeyError) as error:
        parser.exit(2, f"model: '{arguments.json}' has no {error}; run scripts/bench first, "
                       "without --only\n")
    print(tables(costs, Cluster(), arguments.markdown))
    print("measured: " + ", ".join(f"{name} {value:.3g}"
                                   for name, value in dataclasses.asdict(costs).items()))
    print("assumed: " + ", ".join(f"{name} {value:.3g}"
                                  for name, value in dataclasses.asdict(Cluster()).items()))


if __name__ == "__main__":
    main()
