"""What scripts/bench runs: each kind of run in turns, medians, ratios, a table and JSON."""

import argparse
import glob
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

OPTIONS = ["--primary-key", "pk,sk", "--key", "cause", "--same", "provider",
           "--keep", "oldest:insertedAt", "--json"]
NO_MD5 = ["--no-md5"]

# name, ranks, export, further options; "small" stands for a --memory that has no room for a log.
FINDS = [
    ("find", 2, "friendly", NO_MD5),
    ("find 1 rank", 1, "friendly", NO_MD5),
    ("find re-read", 2, "friendly", NO_MD5 + ["--memory", "small"]),
    ("find md5", 2, "friendly", []),
    ("find 8 ranks", 8, "friendly", NO_MD5),
    ("find hard", 2, "hard", NO_MD5),
    ("find hot50", 2, "hot50", NO_MD5 + ["--max-group", "0"]),
    ("find hot100", 2, "hot100", NO_MD5 + ["--max-group", "0"]),
]
IGZIPS = [("igzip 2", 2), ("igzip 1", 1)]

# what, of, over, measure ("wall_s" or "cpu_s"), limit of the wall ratio on 2 cores, 10 M items
RATIOS = [
    ("log path / inflating", "find", "igzip 2", 2.2),
    ("md5 / inflating", "find md5", "igzip 2", 2.7),
    ("re-read path / inflating", "find re-read", "igzip 2", 3.2),
    ("hard / friendly", "find hard", "find", 1.5),
    ("half under one key / friendly", "find hot50", "find", None),
    ("all under one key / friendly", "find hot100", "find", None),
]


def timed(command, stdout=subprocess.DEVNULL):
    """Wall and CPU seconds of a command and all it starts, and its output."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    done = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True)
    wall_s = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(command)}: exit code {done.returncode}\n{done.stderr}")
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall_s": round(wall_s, 3), "cpu_s": round(cpu_s, 3)}, done.stdout


def run_igzip(export, n_processes):
    files = sorted(glob.glob(os.path.join(export, "data", "*.gz")))
    shares = (" ".join(f"'{f}'" for f in files[i::n_processes]) for i in range(n_processes))
    script = "".join(f"(for f in {share}; do igzip -dc $f; done) >/dev/null & " for share in shares)
    return timed(["bash", "-c", script + "wait"])[0]


def run_find(keepone, export, n_ranks, options, run):
    command = [keepone, "find", "--export", export, "--run", run] + OPTIONS + options
    if n_ranks > 1:
        command = ["mpirun", "-q", "--oversubscribe", "--bind-to", "none", "-n",
                   str(n_ranks)] + command
    result, output = timed(command, subprocess.PIPE)
    result["report"] = json.loads(output.strip().splitlines()[-1])
    return result


def version_of(command):
    done = subprocess.run(command, capture_output=True, text=True)
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0] if lines else "unknown"


def describe_machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return {"cpu": models[0] if models else platform.processor(), "n_cpus": os.cpu_count(),
            "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
            "kernel": platform.release(), "load": os.getloadavg()[0]}


def median(runs, measure):
    return statistics.median(run[measure] for run in runs)


def measure_all(arguments, work):
    runs = {name: [] for name, *_ in IGZIPS + FINDS}
    small = f"{max(24, arguments.items * 15 // 1000000)}M"
    friendly = os.path.join(arguments.folder, f"friendly-{arguments.items}")
    for rep in range(arguments.reps):
        for name, n_processes in IGZIPS:
            runs[name].append(run_igzip(friendly, n_processes))
        for name, n_ranks, kind, options in FINDS:
            export = os.path.join(arguments.folder, f"{kind}-{arguments.items}")
            options = [small if option == "small" else option for option in options]
            # Removed at the end of all: ext4 is slow to make files where many were just removed.
            run = os.path.join(work, f"{len(runs[name])}-{name.replace(' ', '-')}")
            runs[name].append(run_find(arguments.keepone, export, n_ranks, options, run))
        print(f"bench: {rep + 1} of {arguments.reps} done", file=sys.stderr)
    return runs


def summarise(runs, n_items):
    ratios = {}
    for what, of, over, limit in RATIOS:
        ratios[what] = {m: round(median(runs[of], m) / median(runs[over], m), 2)
                        for m in ("wall_s", "cpu_s")}
        if limit:
            ratios[what]["limit"] = limit
    scaling = {name: median(runs[one], "wall_s") / median(runs[two], "wall_s")
               for name, one, two in (("find", "find 1 rank", "find"),
                                      ("igzip", "igzip 1", "igzip 2"))}
    reports = {name: runs[name][0]["report"] for name, *_ in FINDS}
    if len({reports[name]["counts"]["planned"] for name, _, kind, _ in FINDS
            if kind == "friendly"}) != 1:
        sys.exit("bench: runs on the same export planned different numbers of deletes")
    wire = reports["find 8 ranks"]["wire_bytes"]["fingerprint"]
    unique = reports["find 8 ranks"]["counts"]["unique"]
    return {
        "items": n_items,
        "medians": {name: {"wall_s": median(r, "wall_s"), "cpu_s": median(r, "cpu_s")}
                    for name, r in runs.items()},
        "ratios": ratios,
        "scaling_1_to_2": {**{k: round(v, 2) for k, v in scaling.items()},
                           "of_igzip": round(scaling["find"] / scaling["igzip"], 2), "limit": 0.93},
        "wire_bytes_per_unique_at_8_ranks": {"is": round(wire / unique, 2), "limit": 8.2},
        "peak_bytes": {name: report["peak_bytes"] for name, report in reports.items()},
    }


def print_table(summary, runs):
    print(f"{'run':<16}{'wall s':>9}{'CPU s':>9}{'peak MB':>9}{'planned':>10}")
    for name, medians in summary["medians"].items():
        report = runs[name][0].get("report")
        planned = report["counts"]["planned"] if report else 0
        peak = f"{report['peak_bytes'] / 1e6:9.0f}{planned:10}" if report else ""
        print(f"{name:<16}{medians['wall_s']:>9.2f}{medians['cpu_s']:>9.2f}{peak}")
    print(f"\n{'ratio':<32}{'wall':>7}{'CPU':>7}{'limit':>7}")
    for what, ratio in summary["ratios"].items():
        print(f"{what:<32}{ratio['wall_s']:>7.2f}{ratio['cpu_s']:>7.2f}{ratio.get('limit', ''):>7}")
    scaling = summary["scaling_1_to_2"]
    wire = summary["wire_bytes_per_unique_at_8_ranks"]
    print(f"{'1 to 2 ranks, of igzip own':<32}{scaling['of_igzip']:>7.2f}{'':>7}"
          f"{scaling['limit']:>7}")
    print(f"{'wire bytes per unique, 8 ranks':<32}{wire['is']:>7.2f}{'':>7}{wire['limit']:>7}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keepone", required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--items", type=int, required=True)
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--json", default="-")
    arguments = parser.parse_args()
    machine = describe_machine()
    work = tempfile.mkdtemp(prefix="runs-", dir=arguments.folder)
    try:
        runs = measure_all(arguments, work)
    finally:
        shutil.rmtree(work)
    summary = summarise(runs, arguments.items)
    print_table(summary, runs)
    result = {
        "machine": machine,
        "versions": {name: version_of(command) for name, command in (
            ("keepone", [arguments.keepone, "--version"]), ("igzip", ["igzip", "--version"]),
            ("mpirun", ["mpirun", "--version"]), ("cc", ["cc", "--version"]))},
        "configuration": {"reps": arguments.reps, "options": OPTIONS,
                          "finds": [list(find) for find in FINDS]},
        **summary,
        "runs": runs,
    }
    text = json.dumps(result, indent=1)
    if arguments.json == "-":
        print(text)
    else:
        with open(arguments.json, "w", encoding="utf-8") as file:
            file.write(text + "\n")


if __name__ == "__main__":
    main()
