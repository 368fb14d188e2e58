"""The server that answers at once and counts units (tests/bench/stub_server.c), and what its counts
say about a cap.

    stub = Stub(items=1000, limit_read=600)
    run("find", "--table", "t", *stub.at, ...)
    stub.counts()["read"]["per_100ms"]
"""

import json
import os
import subprocess

import dynamodb_local
import keepone

PROGRAM = os.path.join(os.path.dirname(keepone.PROGRAM), "tests", "stub_server")
BINS = 10  # of the server's series, per second


class Stub:
    """Its options are those of the program, with underscores."""

    def __init__(self, **options):
        words = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        self.process = subprocess.Popen([PROGRAM, *words], stdout=subprocess.PIPE, text=True,
                                        preexec_fn=dynamodb_local.die_with_parent)
        self.port = int(self.process.stdout.readline())
        self.at = ["--endpoint", f"http://127.0.0.1:{self.port}"]

    def counts(self):
        """Ends the server."""
        self.process.terminate()
        return json.loads(self.process.communicate()[0])


def most_above(series, cap):
    """By how many units any window of any length exceeds the cap."""
    worst = excess = 0.0
    for units in series:
        excess = max(0.0, excess + units - cap / BINS)
        worst = max(worst, excess)
    return worst


def used_part(series, cap):
    """The part of the cap that was used, without the first moments and the end of the work."""
    inner = series[BINS // 2:-BINS]
    return sum(inner) / (cap / BINS * len(inner))
