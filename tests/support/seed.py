"""Seeded items: the same seed gives the same items on every machine.

space_diff()   items as a real `space-diff` table has them, with a known number of duplicates
traps()        a small table in which every rule of keepone has something to trip over
repeats()      what only an export can hold: items met twice, one primary key with two contents

Items are DynamoDB JSON: {"pk": {"S": "a"}, "sk": {"N": "1"}}.
"""

import collections
import datetime
import random

BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

SpaceDiff = collections.namedtuple("SpaceDiff", "items n_groups n_losers")


def S(text):
    return {"S": text}


def N(text):
    return {"N": str(text)}


def _letters(rng, alphabet, n):
    return "".join(rng.choices(alphabet, k=n))


def _iso(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def space_diff(n_items, seed=1, repeated=0.05):
    """n_items of about 620 bytes; this share of the causes occurs 2 to 4 times.

    The table's keys: pk S, sk S.
    """
    rng = random.Random(seed)
    start = datetime.datetime(2024, 1, 1)
    items, n_groups, n_losers = [], 0, 0
    while len(items) < n_items:
        n_copies = rng.randint(2, 4) if rng.random() < repeated else 1
        n_copies = min(n_copies, n_items - len(items))
        n_groups += n_copies > 1
        n_losers += n_copies - 1
        space = "did:key:z6Mk" + _letters(rng, BASE58, 44)
        provider = f"did:web:{rng.choice(('eu-west', 'us-east'))}.storage.example"
        cause = "bafyrei" + _letters(rng, BASE32, 52)
        subscription = "did:mailto:customers.example:" + _letters(rng, BASE32, 16)
        delta = str(rng.randint(-2_000_000_000, 2_000_000_000))
        receipt = start + datetime.timedelta(milliseconds=rng.randrange(60_000_000_000))
        for _ in range(n_copies):
            inserted = receipt + datetime.timedelta(milliseconds=rng.randrange(5000))
            items.append({
                "pk": S(f"{provider}:shard-{rng.randrange(100):02d}#{space}"),
                "sk": S(f"{_iso(receipt)}#{cause}"),
                "space": S(space), "provider": S(provider), "subscription": S(subscription),
                "cause": S(cause), "delta": N(delta), "receiptAt": S(_iso(receipt)),
                "insertedAt": S(_iso(inserted))})
            receipt += datetime.timedelta(milliseconds=rng.randrange(1, 90_000_000))
    rng.shuffle(items)
    return SpaceDiff(items, n_groups, n_losers)


GOOD_TIMES = [S(text) for text in (
    "2024-01-01T00:00:00Z", "2024-01-01T00:00:00.000Z", "2024-01-01 00:00:00", "2024-01-01",
    "2024-01-01T01:00:00+01:00", "2023-12-31T23:30:00-00:30", "2024-01-01T05:30+0530",
    "2023-12-31T19:00:00-05", "2024-01-01t00:00:00z",                        # all one instant
    "2024-01-01T00:00:00.5Z", "2024-01-01T00:00:00.500000001Z", "2024-01-01T00:00:00.50Z",
    "2024-02-29", "2024-02-29T12:00", "1969-12-31T23:59:59.999Z", "0001-01-01",
    "9999-12-31T23:59:59Z", "2024-12-31T23:59:59-14:00", "1704067200",
    "1704067201000")]
GOOD_TIMES += [N(text) for text in (
    "1704067200", "1704067200000", "1704067200.25", "99999999999", "100000000000", "0", "-1",
    "1.7040672E9", "1704067199999")]
BAD_TIMES = [S("not a date"), S("2024-02-30"), S("2023-02-29"), S("2024-13-01"), S(""), S("24-1-1"),
             S("2024-01-01T25:00:00Z"), S("2024-01-01T23:59:60Z"), S("2024-01-01T00:00:00X"),
             {"NULL": True}, {"BOOL": True}, {"SS": ["2024-01-01"]}, {"M": {}},
             {"B": "MjAyNA=="}, None]

# Every value stands for a key of its own; within a row all are equal.
EQUAL_KEYS = [
    [S("1"), S("1")],
    [N("1"), N("1.0"), N("1e0"), N("10E-1"), N("0.1e1")],
    [N("0"), N("0.0"), N("0e5")], [N("-1.50"), N("-1.5")],
    [N("12345678901234567890123456789012345678"), N("1.2345678901234567890123456789012345678e37")],
    [N("12345678901234567890123456789012345679"), N("12345678901234567890123456789012345679.0")],
    [N("1e-130"), N("0.1e-129")], [N("9.9e125"), N("99e124")],
    [{"B": "MQ=="}, {"B": "MQ=="}], [{"B": "AP8Q"}, {"B": "AP8Q"}],
    [{"SS": ["1"]}, {"SS": ["1"]}], [{"SS": ["a", "b", "\u00e9"]}, {"SS": ["\u00e9", "b", "a"]}],
    [{"NS": ["1"]}, {"NS": ["1.0"]}], [{"NS": ["1", "20", "3"]}, {"NS": ["3.0", "1e0", "2e1"]}],
    [{"BS": ["MQ==", "AA=="]}, {"BS": ["AA==", "MQ=="]}],
    [{"BOOL": True}, {"BOOL": True}], [{"BOOL": False}, {"BOOL": False}],
    [{"L": [S("1")]}, {"L": [S("1")]}], [{"L": [S("a"), N("1")]}, {"L": [S("a"), N("1.0")]}],
    [{"L": [N("1"), S("a")]}, {"L": [N("1.0"), S("a")]}],
    [{"M": {"a": N("1"), "b": {"SS": ["x", "y"]}}},
     {"M": {"b": {"SS": ["y", "x"]}, "a": N("1.0")}}],
    [{"M": {"a": {"M": {"b": {"NULL": True}}}}}, {"M": {"a": {"M": {"b": {"NULL": True}}}}}],
    [S("caf\u00e9")] * 3, [S("cafe\u0301")] * 2,           # NFC and NFD: not one key without nfkc
    [S('"quoted" \\ and / \b\f\n\r\t')] * 3, [S("\u0001\u001f\u007f\u0080")] * 3,
    [S("\U0001f511 key")] * 3, [S("\uffff\U00010000")] * 2, [S("\\u0041")] * 2, [S("A")] * 2,
    [S(" A")] * 2, [S("A ")] * 2, [S("a")] * 2, [S("\u2028line\u2029")] * 2,
    [S("nul\u0000nul")] * 2,
]
MISSING_KEYS = [None, {"NULL": True}, S(""), {"B": ""}, {"L": []}, {"M": {}}]
BLANK_KEYS = [S(" "), S(" \t\n"), S("\u00a0\u2003\u3000")]   # empty after trim
NAMES = [["Ann Lee", "ann lee", "ANN  LEE", " ann\tlee ", "Ann\u00a0Lee"],
         ["stra\u00dfe", "STRASSE", "strasse"],
         ["\ufb01sh", "fish", "FISH"],
         ["\u00c5ngstr\u00f6m", "A\u030angstro\u0308m", "\u212bngstr\u00f6m"],
         ["ab"], ["a"]]
WORDS = ["hello world", "hello  world ", "Hello World", "bc", "c", "", " "]
RANKS = [N("1"), N("1.0"), N("-3"), N("20"), N("3"), N("1e3"), S("1"), S("abc"), S("ab\u00e9"),
         S("ab\U0001f511"), S("ab\uffee"), {"B": "AQ=="}, {"B": "/w=="}, {"BOOL": True}, None]
PROVIDERS = [S("did:web:a.example"), S("did:web:b.example"), None]
# Times of expiry, for an export of May 2024: never, as DynamoDB looks back five years; perhaps
# never; expired; 2096.
LONG_AGO, FIVE_YEARS_AGO, LATELY = 1_000_000_000, 1_558_569_600, 1_700_000_000
FAR_AHEAD = 4_000_000_000


class _Traps:
    """Items with a primary key of their own each: pk S, sk N; ties compare texts and numbers."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.items = []
        self.used = set()

    def add(self, cause, inserted=None, provider=PROVIDERS[0], **others):
        while True:
            key = (self.rng.choice(("a", "aa", "B", "\u00e9", "z", "\U0001f511")),
                   str(self.rng.choice((self.rng.randint(-30, 30), self.rng.randint(-10**9, 10**9),
                                        f"{self.rng.randint(-99, 99)}.5"))))
            if key not in self.used:
                break
        self.used.add(key)
        attributes = {"cause": cause, "insertedAt": inserted, "provider": provider, **others}
        item = {"pk": S(key[0]), "sk": N(key[1])}
        item |= {name: value for name, value in attributes.items() if value is not None}
        self.items.append(item)

    def time(self):
        return self.rng.choice(GOOD_TIMES if self.rng.random() < 0.8 else BAD_TIMES)


def traps(seed=1, n_random=600, n_hot=120):
    """Items of a table with the keys pk S and sk N.

    Attributes: cause (the key), insertedAt (the time), provider (the same), handle and message
    (composite, to be normalised), meta.id and parts[1].sum (nested), rank (min, max), pinned,
    status (has, equals), expiresAt (TTL).
    """
    made = _Traps(seed)
    rng = made.rng
    for row in EQUAL_KEYS:
        for value in row:
            made.add(value, made.time())
    for value in (MISSING_KEYS + BLANK_KEYS) * 4:
        made.add(value, made.time())
    for time in GOOD_TIMES + BAD_TIMES:              # each time against one that is in the middle
        name = S(f"time {len(made.items)}")
        made.add(name, time)
        made.add(name, S("2024-01-01T00:00:00.25Z"))
    for first in BAD_TIMES:                          # groups without any usable time
        name = S(f"bad {len(made.items)}")
        made.add(name, first)
        made.add(name, rng.choice(BAD_TIMES))
    for _ in range(n_hot):                           # one hot key
        made.add(S("hot"), made.time())
    for time in ("2024-01-01", "2024-01-01T00:00:00Z", "2024-01-01T01:00:00+01:00") * 3:
        made.add(S("ties"), S(time))                 # the primary key decides
    for _ in range(n_random):
        made.add(
            S(f"cause {rng.randrange(n_random // 3)}"), made.time(),
            rng.choices(PROVIDERS, (40, 1, 1))[0],
            handle=rng.choice([S(rng.choice(rng.choice(NAMES))), S(""), None, N("1")]),
            message=rng.choice([S(rng.choice(WORDS)), None]),
            meta=rng.choice([None, S("flat"), {"M": {
                "id": rng.choice((N("1"), N("1.0"), N("2"), S("1"))),
                "a.b": S(rng.choice("xy"))}}]),
            parts=rng.choice([None, {"L": [S("x")]},
                              {"L": [S("x"), {"M": {"sum": N(rng.randrange(40))}}]}]),
            rank=rng.choice(RANKS),
            pinned=rng.choice([None, None, {"BOOL": True}, {"BOOL": False}]),
            status=rng.choice([None, S("live"), S("old")]),
            expiresAt=rng.choice([None, None, None, None, N(LONG_AGO), N(FIVE_YEARS_AGO), N(LATELY),
                                  N(FAR_AHEAD + rng.randrange(3)), S(str(LATELY))]))
    rng.shuffle(made.items)
    return made.items


def repeats(items, seed=1, share=0.05):
    """Items to add to an export of `items`: some again, some with other contents."""
    rng = random.Random(seed)
    extra = []
    for item in rng.sample(items, int(len(items) * share)):
        extra += [dict(item)] * rng.choice((1, 1, 2))
        if rng.random() < 0.5:
            name, value = rng.choice((
                ("insertedAt", S("2030-01-01")), ("cause", S("cause 1")),
                ("provider", S("did:web:c.example")), ("note", S("not looked at"))))
            extra.append(item | {name: value})
    return extra
