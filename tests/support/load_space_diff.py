#!/usr/bin/env python3
"""Loads a seeded space-diff table into DynamoDB Local and writes its export.

    load_space_diff.py ENDPOINT TABLE FOLDER [N_ITEMS]

Prints one line: how many items and known duplicates.  The export is FOLDER/AWSDynamoDB/<id>.
"""

import sys

import dynamodb_local
import export
import seed


def main():
    endpoint, table, folder = sys.argv[1:4]
    diff = seed.space_diff(int(sys.argv[4]) if len(sys.argv) > 4 else 4000, seed=2026)
    db = dynamodb_local.Client(endpoint)
    description = db.create_table(table, "pk:S", "sk:S")
    db.batch_put(table, diff.items)
    export.write_export(folder, diff.items, table=table, table_arn=description["TableArn"],
                        table_id=description.get("TableId", export.TABLE_ID), n_empty=1)
    print(f"{len(diff.items):,} items; {diff.n_groups:,} causes occur more than once: "
          f"{diff.n_losers:,} items too many")


if __name__ == "__main__":
    main()
