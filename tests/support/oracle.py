#!/usr/bin/env python3
"""The oracle: what keepone must decide, in plain lines that share nothing with it.

    oracle.py EXPORT '{"key": "cause", "keep": "oldest:insertedAt,any", "primary_key": "pk,sk"}'

Rules have the names and texts of the program's options: key, keep, same, ttl, max_group,
missing_key, primary_key; as_of is the time of the run in epoch seconds, now by default.
"""

import base64
import calendar
import collections
import glob
import gzip
import json
import os
import re
import sys
import time
import unicodedata
from decimal import Decimal
from fractions import Fraction

WHITE = "\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)"
                  r"(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(\.\d{1,18})?)?"
                  r"(?:[Zz]|([+-])(\d\d)(?::?(\d\d))?)?)?")
MINUTE = re.compile(r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])([01]\d|2[0-3])[0-5]\d",
                    re.ASCII)
YEAR_0, YEAR_10000 = -62_167_219_200, 253_402_300_800  # seconds since 1970
NOTHING = (None, {"NULL": True}, {"S": ""}, {"B": ""}, {"L": []}, {"M": {}})
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def value_of(value):
    """A value that Python compares as DynamoDB does, types included."""
    (tag, content), = value.items()
    plain = {"N": Decimal, "B": base64.b64decode}.get(tag[0], lambda member: member)
    if tag == "M":
        return tag, frozenset((name, value_of(member)) for name, member in content.items())
    if tag == "L":
        return tag, tuple(value_of(member) for member in content)
    if tag in ("SS", "NS", "BS"):
        return tag, frozenset(plain(member) for member in content)
    return tag, content if tag in ("NULL", "BOOL") else plain(content)


def follow(item, path):
    """The value that a path such as meta.id or parts[2].sum leads to, or None."""
    here = {"M": item}
    for name, index in re.findall(r"((?:\\.|[^.\[\]\\])+)|\[(\d+)\]", path):
        if name:
            here = here.get("M", {}).get(re.sub(r"\\(.)", r"\1", name))
        else:
            here = dict(enumerate(here.get("L", []))).get(int(index))
        if here is None:
            return None
    return here


def normalise(text, names):
    if "nfkc" in names:
        text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    text = text.lower() if "lower" in names else text
    text = re.sub(f"[{WHITE}]+", " ", text) if "space" in names else text
    return re.sub(f"^[{WHITE}]+|[{WHITE}]+$", "", text) if "trim" in names else text


def key_of(item, rules):
    """The key of an item, or None if any part of it is missing."""
    parts = []
    for part in sorted(split(rules["key"])):
        path, *names = re.split(r"(?<!\\):", part)
        value = follow(item, path)
        if value and "S" in value:
            value = {"S": normalise(value["S"], names)}
        if value in NOTHING:
            if rules.get("missing_key") != "group":
                return None
            value = {"NULL": True}
        parts.append((path, value_of(value)))
    return tuple(parts)


def time_of(value):
    """Seconds since 1970, or None."""
    text = (value or {}).get("S") or (value or {}).get("N") or ""
    if text.isascii() and text.isdigit() and len(text) in (8, 14):  # 20240506: a date or an epoch?
        return None
    if MINUTE.fullmatch(text):                                      # 202405060708 likewise
        return None
    if NUMBER.fullmatch(text):
        seconds = Fraction(text) if abs(Fraction(text)) < 10**11 else Fraction(text) / 1000
        return seconds if YEAR_0 <= seconds < YEAR_10000 else None
    found = TIME.fullmatch(text)
    if not found or "S" not in value:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    sign, off_hours, off_minutes = found[8], int(found[9] or 0), int(found[10] or 0)
    if not (1 <= month <= 12 and 1 <= day <= calendar.monthrange(year or 4, month)[1] and hour < 24
            and minute < 60 and second < 60 and off_hours < 24 and off_minutes < 60):
        return None
    y, m = (year - (month < 3), (month + 9) % 12)                       # years that begin in March
    days = 365 * y + y // 4 - y // 100 + y // 400 + (153 * m + 2) // 5 + day - 719469
    offset = (-1 if sign == "-" else 1) * (off_hours * 3600 + off_minutes * 60)
    seconds = days * 86400 + hour * 3600 + minute * 60 + second - offset
    return seconds + Fraction("0" + (found[7] or ""))


def score(item, rule):
    """(type, comparable) of a keep rule's value, or None if it is of no use."""
    kind, _, rest = rule.partition(":")
    path, _, wanted = rest.partition("=")
    value = follow(item, path)
    if kind in ("oldest", "newest"):
        moment = time_of(value)
        return None if moment is None else ("time", moment)
    if kind == "has":
        return ("bool", value is None or value == {"NULL": True})
    if kind == "equals":
        return ("bool", value is None or value_of(value) != value_of({"S": wanted}))
    if value is None or next(iter(value)) not in ("N", "S", "B"):
        return None
    tag, plain = value_of(value)
    return tag, plain.encode() if tag == "S" else plain


def decide(members, rules):
    """(keeper, None), or (None, why the group goes to review)."""
    keep = [rule for rule in split(rules["keep"]) if rule != "any"]
    has_any = "any" in split(rules["keep"])
    ordered = sorted(members, key=lambda item: primary_order(item, rules))
    for rule in reversed(keep):                          # stable sorts, the first rule last
        usable = [item for item in ordered if score(item, rule)]
        others = [item for item in ordered if not score(item, rule)]
        usable.sort(key=lambda item: score(item, rule), reverse=rule.startswith(("newest", "max")))
        ordered = usable + others
    now = rules.get("as_of", time.time())
    ordered.sort(key=lambda item: expiry(item, rules, now) < now)
    keeper = ordered[0]
    if len(members) > int(rules.get("max_group", 1000)) > 0:
        return None, "max_group"
    if expiry(keeper, rules, now) < now:
        return None, "expired"
    if keep and not has_any and score(keeper, keep[0]) is None:
        return None, "unusable"
    for rule in keep:
        types = {score(item, rule)[0] for item in members if score(item, rule)}
        if score(keeper, rule) and len(types) > 1:
            return None, "mixed_types"
    for path in split(rules.get("same", "")):
        values = (follow(item, path) for item in members)
        if len({value and value_of(value) for value in values}) > 1:
            return None, "same"
    if any(expiry(item, rules, now, latest=True) > expiry(keeper, rules, now) for item in members):
        return None, "ttl"
    return keeper, None


def expiry(item, rules, now, latest=False):
    """More than five years late is never; whether it is five years, is not known to the day."""
    number = (follow(item, rules["ttl"]) or {}).get("N") if "ttl" in rules else None
    never_days = 5 * 365 - 31 if latest else 5 * 366
    if number is None or Fraction(number) < now - never_days * 86400:
        return float("inf")
    return Fraction(number)


def primary_order(item, rules):
    values = [value_of(item[name])[1] for name in split(rules["primary_key"])]
    return [value.encode() if isinstance(value, str) else value for value in values]


def primary_text(item, rules):
    """The primary key as keepone writes it: canonical JSON."""
    key = {name: dict(item[name]) for name in sorted(split(rules["primary_key"]))}
    for value in key.values():
        if "N" in value:
            plain = format(Decimal(value["N"]), "f")
            plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
            value["N"] = "0" if Decimal(plain) == 0 else plain
    return json.dumps(key, ensure_ascii=False, separators=(",", ":"))


def split(text):
    return re.split(r"(?<!\\),", text) if text else []


def seen(item, rules):
    """What keepone looks at: items that agree in it are one item met twice."""
    paths = [re.split(r"(?<!\\):", part)[0] for part in split(rules["key"])]
    paths += [rule.partition(":")[2].partition("=")[0] for rule in split(rules["keep"])
              if ":" in rule]
    paths += split(rules.get("same", "")) + split(rules.get("ttl", ""))
    values = (follow(item, path) for path in paths)
    return tuple(value and value_of(value) for value in values)


def judge(items, rules):
    """Counts, the plan as {"delete": .., "keep": ..}, and review groups, by primary key texts."""
    counts = collections.Counter(read=len(items))
    groups = collections.defaultdict(list)
    for item in items:
        groups[key_of(item, rules)].append(item)
    counts["missing"] = len(groups.pop(None, []))
    groups = [{(primary_text(item, rules), seen(item, rules)): item for item in members}
              for members in groups.values()]            # equal items are one item
    counts["folded"] = len(items) - counts["missing"] - sum(map(len, groups))
    contents = collections.Counter(name for once in groups if len(once) > 1 for name, _ in once)
    plan, review = [], []
    for once in groups:
        keeper, why = None, None
        if len(once) > 1 and any(contents[name] > 1 for name, _ in once):
            why = "primary_key"
        elif len(once) > 1:
            keeper, why = decide(list(once.values()), rules)
        if why:
            counts["review"] += len(once)
            review.append({"why": why, "items": sorted(name for name, _ in once)})
        elif keeper is None:
            counts["unique"] += 1
        else:
            counts["keepers"] += 1
            counts["planned"] += len(once) - 1
            keep = primary_text(keeper, rules)
            plan += [{"delete": name, "keep": keep} for name, _ in once if name != keep]
    names = ("read", "folded", "filtered", "missing", "unique", "keepers", "planned", "review")
    return {"counts": {name: counts[name] for name in names},
            "plan": sorted(plan, key=lambda line: line["delete"]),
            "review": sorted(review, key=lambda group: group["items"])}


def read_export(folder):
    items = []
    for path in sorted(glob.glob(os.path.join(folder, "data", "*.gz"))):
        with gzip.open(path) as lines:
            items += [json.loads(line)["Item"] for line in lines]
    return items


if __name__ == "__main__":
    verdict = judge(read_export(sys.argv[1]), json.loads(sys.argv[2]))
    print(json.dumps(verdict, ensure_ascii=False, indent=1))
