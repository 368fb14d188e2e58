"""Polars, its streaming engine: polars_peer.py EXPORT OUT"""

import glob
import sys

import polars

ORDER = ["insertedAt", "pk", "sk"]
TEXT = polars.Struct({"S": polars.String})
SCHEMA = {"Item": polars.Struct({name: TEXT for name in ["cause", *ORDER]})}


def main(export, out):
    lines = polars.scan_ndjson(sorted(glob.glob(f"{export}/data/*.json.gz")), schema=SCHEMA)
    items = lines.select(polars.col("Item").struct.field(name).struct.field("S").alias(name)
                         for name in ["cause", *ORDER])
    copies = items.filter(polars.len().over("cause") > 1).sort(ORDER)
    losers = copies.filter(~polars.col("cause").is_first_distinct()).select("pk", "sk")
    losers.collect(engine="streaming").write_csv(out, separator="\t", include_header=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
