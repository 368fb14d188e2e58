"""Python's own means, a dict of the oldest so far: python_peer.py EXPORT OUT"""

import glob
import gzip
import json
import sys


def main(export, out):
    oldest = {}
    with open(out, "w", encoding="utf-8") as losers:
        for path in sorted(glob.glob(f"{export}/data/*.json.gz")):
            with gzip.open(path) as lines:
                for line in lines:
                    item = json.loads(line)["Item"]
                    cause = item["cause"]["S"]
                    mine = (item["insertedAt"]["S"], item["pk"]["S"], item["sk"]["S"])
                    first = oldest.setdefault(cause, mine)
                    if first is not mine:
                        oldest[cause] = min(first, mine)
                        losers.write("\t".join(max(first, mine)[1:]) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
