"""DuckDB: duckdb_peer.py group|window|tuned EXPORT OUT

group, window: what one writes first, columns with types and one of the two usual queries.
tuned: the fastest that was found.  Items are taken apart as JSON, once for all four paths, which is
faster than typed columns; and only copies are looked at for the oldest of their cause.
"""

import sys

import duckdb

TYPED = """
    SELECT Item.cause.S AS cause, Item.insertedAt.S AS inserted, Item.pk.S AS pk, Item.sk.S AS sk
    FROM read_json('{files}', format = 'newline_delimited', columns = {{Item: 'STRUCT(
        cause STRUCT(S VARCHAR), insertedAt STRUCT(S VARCHAR), pk STRUCT(S VARCHAR),
        sk STRUCT(S VARCHAR))'}})"""

PATHS = """
    SELECT texts[1] AS cause, texts[2] AS inserted, texts[3] AS pk, texts[4] AS sk
    FROM (SELECT json->>['$.Item.cause.S', '$.Item.insertedAt.S', '$.Item.pk.S', '$.Item.sk.S']
                 AS texts
          FROM read_ndjson_objects('{files}'))"""

GROUP = """
    WITH keepers AS (SELECT cause, min((inserted, pk, sk)) AS keeper
                     FROM items GROUP BY cause HAVING count(*) > 1)
    SELECT pk, sk FROM items JOIN keepers USING (cause) WHERE (inserted, pk, sk) <> keeper"""

WINDOW = """
    SELECT pk, sk
    FROM (SELECT pk, sk, row_number() OVER (PARTITION BY cause ORDER BY inserted, pk, sk) AS place
          FROM items)
    WHERE place > 1"""

TUNED = """
    WITH causes AS (SELECT cause FROM items GROUP BY cause HAVING count(*) > 1),
         copies AS MATERIALIZED (SELECT * FROM items SEMI JOIN causes USING (cause)),
         keepers AS (SELECT cause, min((inserted, pk, sk)) AS keeper FROM copies GROUP BY cause)
    SELECT pk, sk FROM copies JOIN keepers USING (cause) WHERE (inserted, pk, sk) <> keeper"""

QUERIES = {"group": (TYPED, GROUP), "window": (TYPED, WINDOW), "tuned": (PATHS, TUNED)}


def main(query, export, out):
    items, losers = QUERIES[query]
    database = duckdb.connect()
    database.execute("CREATE TABLE items AS " + items.format(files=f"{export}/data/*.json.gz"))
    database.execute(f"COPY ({losers}) TO '{out}' "
                     "(FORMAT csv, DELIMITER '\t', HEADER false, QUOTE '')")


if __name__ == "__main__":
    main(*sys.argv[1:])
