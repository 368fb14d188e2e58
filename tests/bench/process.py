"""One command, measured: wall time, CPU time of all that it started, peak memory."""

import glob
import os
import subprocess
import sys
import tempfile
import threading
import time

SAMPLE_SECONDS = 0.01


def run(command, watch=None):
    """Runs a command to its end and returns (numbers, its stdout).

    numbers: wall_s, cpu_s, and peak_bytes, which is what the kernel saw as the peak of the largest
    process.  With watch, the name of a program, it is the sum of the peaks of all its processes,
    each as its proportional set size: memory that ranks share counts once.  Reading that slows the
    program down, so a run that is watched is not one to take times from.
    """
    with tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as output:
        start = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors)
        peaks = Peaks(process.pid, watch) if watch else None
        _, status, usage = os.wait4(process.pid, 0)
        numbers = {"wall_s": round(time.monotonic() - start, 3),
                   "cpu_s": round(usage.ru_utime + usage.ru_stime, 3),
                   "peak_bytes": peaks.end() if watch else usage.ru_maxrss * 1024}
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            errors.seek(0)
            sys.exit(f"bench: {' '.join(command)}: exit code {process.returncode}\n"
                     f"{errors.read().decode(errors='replace')[-3000:]}")
        output.seek(0)
        return numbers, output.read().decode()


class Peaks:
    """The peak of each process of one name below a process, sampled by a thread."""

    def __init__(self, root, name):
        self.root, self.name = root, name
        self.peaks = {}
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.sample)
        self.thread.start()

    def sample(self):
        while not self.is_over.wait(SAMPLE_SECONDS):
            for pid in [self.root, *below(self.root)]:
                if read(f"/proc/{pid}/comm").strip() == self.name:
                    self.peaks[pid] = max(self.peaks.get(pid, 0), pss_bytes(pid))

    def end(self):
        self.is_over.set()
        self.thread.join()
        return sum(self.peaks.values())


def read(path):
    """A file of /proc, or nothing if its process has ended."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""


def below(pid):
    for children in glob.glob(f"/proc/{pid}/task/*/children"):
        for child in read(children).split():
            yield child
            yield from below(child)


def pss_bytes(pid):
    for line in read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0
