"""The speed that keepone is meant to have, and what a bench says about it.

Each target is a number that has to stay below its limits: what must be reached, and what is aimed
at.  They are stated for 10 million items and 2 ranks on 2 cores.
"""

MINE = "find"
INFLATE, INFLATE_1 = "igzip -dc, 2 processes", "igzip -dc, 1 process"
DUCKDB = ("DuckDB, group-by", "DuckDB, window")


def ratio(of, over, number="wall_s"):
    return lambda result: result[of][number] / result[over][number]


def over_inflating(of):
    return lambda result: result[of]["inflating"]


def better_duckdb(result, number):
    """Of the query that takes less time."""
    return min((result[name] for name in DUCKDB), key=lambda row: row["wall_s"])[number]


def over_duckdb(of, number="wall_s"):
    """How many times DuckDB takes what keepone does."""
    return lambda result: better_duckdb(result, number) / result[of][number]


def scaling(result):
    """What the second rank brings, against what it brings to igzip."""
    mine = result["find, 1 rank"]["wall_s"] / result[MINE]["wall_s"]
    return mine / (result[INFLATE_1]["wall_s"] / result[INFLATE]["wall_s"])


def wire_bytes(result):
    report = result["find, 8 ranks"]["report"]
    return report["wire_bytes"]["fingerprint"] / report["counts"]["unique"]


def of_server(*path):
    def value(result):
        for name in path:
            result = result[name]
        return result
    return value


AT_MOST, AT_LEAST = "<=", ">="

# what, how it is told, which side is good, must, aim
FILES = [
    ("log path / inflating", over_inflating(MINE), AT_MOST, 2.2, 1.9),
    ("md5 of every file checked / inflating", over_inflating("find, md5"), AT_MOST, 2.7, 2.4),
    ("re-read path / inflating", over_inflating("find, re-read"), AT_MOST, 3.2, 2.9),
    ("re-read path, MB of all ranks",
     lambda result: result["find, re-read"]["peak_bytes"] / 1e6, AT_MOST, 400, 250),
    ("DuckDB / log path, wall", over_duckdb(MINE), AT_LEAST, 5, 6),
    ("DuckDB / re-read path, wall", over_duckdb("find, re-read"), AT_LEAST, 3.2, 3.6),
    ("DuckDB / re-read path, memory", over_duckdb("find, re-read", "peak_bytes"), AT_LEAST, 12, 20),
    ("1 to 2 ranks, of igzip's own scaling", scaling, AT_LEAST, 0.93, 0.98),
    ("wire bytes per unique record, 8 ranks", wire_bytes, AT_MOST, 8.2, 6),
    ("hard / friendly", ratio("find hard", MINE), AT_MOST, 1.5, 1.25),
    ("the same, each / inflating its files", ratio("find hard", MINE, "inflating"),
     AT_MOST, 1.5, 1.25),
    ("half under one key / as many losers", ratio("find hot50", "find even50"), AT_MOST, 2, 1.5),
    ("all under one key / as many losers", ratio("find hot100", "find even100"), AT_MOST, 2, 1.5),
]
SERVER = [
    ("CPU per checked delete, us", of_server("apply", "cpu_us_per_item"), AT_MOST, 25, 12),
    ("write cap, least used, %", of_server("caps", "least_used_percent"), AT_LEAST, 95, 99),
    ("write cap, most above in 10 s, %", of_server("caps", "most_above_percent"), AT_MOST, 2, 1),
]


def judge(targets, result):
    """[{"what", "is", "good", "must", "aim", "met"}]; what was not measured is left out."""
    verdicts = []
    for what, measure, good, must, aim in targets:
        try:
            value = measure(result)
        except (KeyError, ZeroDivisionError):
            continue
        met = {limit: value <= bound if good == AT_MOST else value >= bound
               for limit, bound in (("must", must), ("aim", aim))}
        verdicts.append({"what": what, "is": round(value, 3), "good": good, "must": must,
                         "aim": aim, "met": "aim" if met["aim"] else "must" if met["must"]
                         else "no"})
    return verdicts
