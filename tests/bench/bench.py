"""What scripts/bench runs: measures, judges, prints, and leaves bench.json and bench.svg.

Parts: the rows on export files (files.py), the stub server and DynamoDB Local (server.py).
"""

import argparse
import json
import os

import chart
import files
import machine
import report
import server
import targets

FLOOR = "igzip -dc, 2 processes"
NOT_DRAWN = ("1 rank", "8 ranks", "1 process")


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keepone", required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--python", required=True, help="the interpreter with the peers' modules")
    parser.add_argument("--items", type=int, required=True)
    parser.add_argument("--reps", type=int, required=True)
    parser.add_argument("--only", required=True, help="a pattern of row names")
    parser.add_argument("--json", required=True)
    parser.add_argument("--svg", required=True)
    parser.add_argument("--server", action="store_true")
    parser.add_argument("--markdown", action="store_true")
    return parser.parse_args()


def versions(keepone, peers):
    commands = {"keepone": [keepone, "--version"], "igzip": ["igzip", "--version"],
                "mpirun": ["mpirun", "--version"], "cc": ["cc", "--version"]}
    found = {name: machine.version_of(command) for name, command in commands.items()}
    return found | {name: version for name, version in peers.items() if version}


def measure_files(arguments):
    """The result of the rows on files, and the versions of the peers."""
    bench = files.Bench(arguments.keepone, arguments.folder, arguments.items, arguments.python)
    try:
        rows = bench.measure(arguments.reps, arguments.only)
    finally:
        bench.close()
    kinds = {row.name: row.kind for row in bench.all_rows}
    files.check_agreement(rows, kinds)
    draw(arguments, {name: row for name, row in rows.items()
                     if kinds[name] == "friendly" and not name.endswith(NOT_DRAWN)})
    return {"items": arguments.items, "rows": rows, "file_bytes": bench.file_bytes(),
            "targets": targets.judge(targets.FILES, rows)}, bench.versions


def draw(arguments, rows):
    if FLOOR not in rows:
        return
    title = f"Finding the duplicates among {arguments.items:,} items"
    note = (f"wall time and peak memory, {os.cpu_count()} CPUs; the dashed line is inflating the "
            "files and nothing else")
    with open(arguments.svg, "w", encoding="utf-8") as file:
        file.write(chart.draw(rows, FLOOR, title, note))


def show(result, markdown):
    if "rows" in result:
        print(report.files(result["rows"], markdown))
    if "server" in result:
        print(report.server(result["server"], markdown))
        print(report.caps(result["server"]["caps"]["rows"], markdown))
    if result["targets"]:
        print(report.targets(result["targets"], markdown))


def main():
    arguments = parse()
    result = {"machine": machine.describe()}
    peers = {}
    if arguments.server:
        measured = server.measure(arguments.folder)
        result |= {"server": measured, "targets": targets.judge(targets.SERVER, measured)}
    else:
        measured, peers = measure_files(arguments)
        result |= measured
    result |= {"versions": versions(arguments.keepone, peers),
               "configuration": {"reps": arguments.reps, "options": files.OPTIONS}}
    show(result, arguments.markdown)
    with open(arguments.json, "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
