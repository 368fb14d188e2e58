"""Writes a DynamoDB export as the service lays it out, or one that is broken in a known way.

    export = write_export("/tmp/x", items, n_files=4, key=["pk", "sk"])
    keepone find --export <export.path>

    /tmp/x/AWSDynamoDB/<ExportId>/manifest-summary.json  manifest-summary.checksum
                                  manifest-files.json    manifest-files.checksum
                                  data/<random>.json.gz

write_changes() writes an incremental export beside it, whose data files are in AWSDynamoDB/data.
"""

import base64
import collections
import gzip
import hashlib
import json
import os
import random

EXPORT_ID = "01716000000000-c0ffee01"
TIME, TIME_S = "2024-05-18T02:40:00.000Z", 1716000000
TABLE_ID = "6f1b7c1e-5c62-4d0c-9d0e-0c5f6a7b8c9d"

# path: the folder of the manifests.  files: the data files.  bad_file, bad_line: what was broken.
Export = collections.namedtuple("Export", "path files bad_file bad_line")

BREAKS = {
    "cut": "the last data file ends in the middle",
    "crc": "a gzip checksum that does not fit",
    "md5": "a data file whose md5 is not the manifest's",
    "missing_file": "the manifest names a file that is not there",
    "json": "a line that is not JSON",
    "utf8": "a line that is not UTF-8",
    "tag": "a value of a type that does not exist",
    "not_item": "a line that is no item",
    "no_key": "an item without its partition key",
    "count": "a file with another number of items than the manifest says",
    "total": "a summary with another number of items than its files",
    "summary_checksum": "a summary that does not fit its checksum",
    "files_checksum": "a list of files that does not fit its checksum",
    "summary_json": "a summary that is not JSON",
    "no_summary": "no summary",
    "ion": "an export in Ion",
    "incremental": "an incremental export",
}
CHANGE_BREAKS = {
    "no_keys": "a change without Keys",
    "no_time": "a change without the time of its write",
    "time": "a change whose time is no number",
    "twice": "a change with a member twice",
    "unknown": "a change with a member that no change has",
    "other_key": "a change whose image is of another item",
    "item": "the line of a full export",
}


def text_of(value, rng, escapes="raw", space=False):
    """JSON text.  escapes: raw, ascii, or mixed: each character in any way that is allowed."""
    gap = rng.choice(("", " ", "\t")) if space else ""
    if isinstance(value, dict):
        members = (text_of(name, rng, escapes, space) + gap + ":" + gap
                   + text_of(member, rng, escapes, space) for name, member in value.items())
        return "{" + gap + (gap + "," + gap).join(members) + gap + "}"
    if isinstance(value, list):
        members = (text_of(member, rng, escapes, space) for member in value)
        return "[" + ("," + gap).join(members) + "]"
    if not isinstance(value, str) or escapes != "mixed":
        return json.dumps(value, ensure_ascii=escapes == "ascii")
    return '"' + "".join(_character(c, rng) for c in value) + '"'


def _character(character, rng):
    plain = json.dumps(character, ensure_ascii=False)[1:-1]
    units = character.encode("utf-16-be")
    escaped = "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
    ways = [plain, plain, escaped, escaped.upper().replace("\\U", "\\u")]
    return rng.choice(ways + ["\\/"] if character == "/" else ways)


def _shuffled(value, rng):
    """The same value with its attributes, map members and set members in another order."""
    if isinstance(value, dict):
        members = [(name, _shuffled(member, rng)) for name, member in value.items()]
        rng.shuffle(members)
        return {name: rng.sample(member, len(member)) if name in ("SS", "NS", "BS") else member
                for name, member in members}
    if isinstance(value, list):
        return [_shuffled(member, rng) for member in value]
    return value


def _line(item, rng, escapes, shuffle, space):
    item = _shuffled(item, rng) if shuffle else item
    return (text_of({"Item": item}, rng, escapes, space) + "\n").encode("utf-8")


def _spoiled(line, item, broken, key):
    """A line of the kind the break asks for."""
    if broken == "json":
        return line.replace(b"}", b"", 1)
    if broken == "utf8":
        return line.replace(b'"S":"', b'"S":"\xc3\x28', 1)
    if broken == "tag":
        return line.replace(b'{"S":', b'{"X":', 1)
    if broken == "not_item":
        return b'{"Keys":{"pk":{"S":"a"}},"NewImage":{}}\n'
    rest = {name: value for name, value in item.items() if name != key[0]}
    return (json.dumps({"Item": rest}) + "\n").encode()


def _members(content, n_members, rng):
    """gzip of the content in n members, cut anywhere, lines too."""
    cuts = sorted(rng.randrange(len(content) + 1) for _ in range(n_members - 1))
    bounds = zip([0] + cuts, cuts + [len(content)])
    return b"".join(gzip.compress(content[start:end], 1, mtime=0) for start, end in bounds)


def _md5(content):
    return base64.b64encode(hashlib.md5(content).digest()).decode()


def _write(path, content):
    with open(path, "wb") as out:
        out.write(content if isinstance(content, bytes) else content.encode())


def write_export(folder, items, n_files=4, key=("pk",), table="space-diff", table_arn=None,
                 table_id=TABLE_ID, n_members=1, n_empty=0, escapes="raw", shuffle=False,
                 space=False, hex_checksums=False, prefix="", broken=None, seed=1,
                 export_time=TIME, export_id=EXPORT_ID):
    """Files follow a hash of the partition key, as in a real export.  broken: a name of BREAKS."""
    rng = random.Random(seed)
    path = os.path.join(folder, "AWSDynamoDB", export_id)
    data = os.path.join(path, "data")
    os.makedirs(data)
    shares = [[] for _ in range(n_files)]
    for item in sorted(items, key=lambda item: _partition_hash(item, key)):
        shares[_partition_hash(item, key) * n_files >> 64].append(item)
    bad_share = max(range(n_files), key=lambda i: len(shares[i]))
    entries, files, bad_file, bad_line = [], [], None, None

    for i, share in enumerate(shares + [[]] * n_empty):
        lines = [_line(item, rng, escapes, shuffle, space) for item in share]
        if i == bad_share and broken in ("json", "utf8", "tag", "not_item", "no_key"):
            bad_line = len(lines) // 2 + 1
            lines[bad_line - 1] = _spoiled(lines[bad_line - 1], share[bad_line - 1], broken, key)
        content = b"".join(lines)
        packed = _members(content, n_members, rng) if i < n_files or i % 2 else b""
        count = len(lines)
        name = f"{rng.getrandbits(128):026x}.json.gz"
        if i == bad_share:
            bad_file = os.path.join(data, name)
            if broken == "cut":
                packed = packed[:len(packed) // 2]
            elif broken == "crc":
                packed = packed[:-8] + bytes([packed[-8] ^ 1]) + packed[-7:]
            elif broken == "count":
                count += 1
        checksum = _md5(packed + b"x" if i == bad_share and broken == "md5" else packed)
        if not (i == bad_share and broken == "missing_file"):
            _write(os.path.join(data, name), packed)
        files.append(os.path.join(data, name))
        entries.append({"itemCount": count, "md5Checksum": checksum,
                        "etag": hashlib.md5(packed).hexdigest() + "-1",
                        "dataFileS3Key": f"{prefix}AWSDynamoDB/{export_id}/data/{name}"})

    _write_manifests(path, entries, broken, hex_checksums, {
        "version": "2020-06-30",
        "exportArn": f"arn:aws:dynamodb:eu-west-1:123456789012:table/{table}/export/{export_id}",
        "startTime": "2024-05-18T02:40:00.000Z", "endTime": "2024-05-18T02:50:00.000Z",
        "tableArn": table_arn or f"arn:aws:dynamodb:eu-west-1:123456789012:table/{table}",
        "tableId": table_id, "exportTime": export_time, "s3Bucket": "exports",
        "s3Prefix": prefix.rstrip("/") or None, "s3SseAlgorithm": "AES256", "s3SseKmsKeyId": None,
        "manifestFilesS3Key": f"{prefix}AWSDynamoDB/{export_id}/manifest-files.json",
        "billedSizeBytes": 600 * len(items),
        "itemCount": sum(entry["itemCount"] for entry in entries) + (broken == "total"),
        "outputFormat": "ION" if broken == "ion" else "DYNAMODB_JSON"})
    return Export(path, files, bad_file if broken else None, bad_line)


Change = collections.namedtuple("Change", "time_us key old new")  # old, new: items or None


def _change_line(change, view, rng, escapes, shuffle, space):
    """The members in any order, as the service leaves it open."""
    line = {"Metadata": {"WriteTimestampMicros": {"N": str(change.time_us)}}, "Keys": change.key}
    if view == "NEW_AND_OLD_IMAGES" and change.old is not None:
        line["OldImage"] = change.old
    if change.new is not None:
        line["NewImage"] = change.new
    if shuffle:
        members = [(name, _shuffled(member, rng)) for name, member in line.items()]
        line = dict(rng.sample(members, len(members)))
    if escapes == "raw" and not space:
        return (json.dumps(line, ensure_ascii=False) + "\n").encode()
    return (text_of(line, rng, escapes, space) + "\n").encode("utf-8")


def _spoiled_change(change, broken):
    line = {"Metadata": {"WriteTimestampMicros": {"N": str(change.time_us)}}, "Keys": change.key,
            "NewImage": change.new or dict(change.key)}
    if broken == "no_keys":
        del line["Keys"]
    elif broken == "no_time":
        line["Metadata"] = {}
    elif broken == "time":
        line["Metadata"] = {"WriteTimestampMicros": {"N": "soon"}}
    elif broken == "unknown":
        line["Erased"] = {}
    elif broken == "other_key":
        name = next(iter(change.key))
        line["NewImage"] = line["NewImage"] | {name: {"S": "another"}}
    elif broken == "item":
        line = {"Item": line["NewImage"]}
    text = json.dumps(line)
    if broken == "twice":
        text = text[:-1] + ',"Keys":' + json.dumps(change.key) + "}"
    return (text + "\n").encode()


def write_changes(folder, changes, start, end, n_files=2, view="NEW_IMAGE", export_id=None,
                  table="space-diff", table_id=TABLE_ID, table_arn=None, prefix="", n_empty=0,
                  escapes="raw", shuffle=False, space=False, broken=None, seed=1):
    """start, end: ISO texts.  broken: a name of CHANGE_BREAKS, or of BREAKS for files and
    manifests.  Returns an Export."""
    rng = random.Random(f"{seed} {start} {end}")
    export_id = export_id or f"{rng.getrandbits(47):014d}-{rng.getrandbits(32):08x}"
    path = os.path.join(folder, "AWSDynamoDB", export_id)
    data = os.path.join(folder, "AWSDynamoDB", "data")
    os.makedirs(path)
    os.makedirs(data, exist_ok=True)
    shares = [[] for _ in range(n_files)]
    for change in changes:
        shares[rng.randrange(n_files)].append(change)
    bad_share = max(range(n_files), key=lambda i: len(shares[i]))
    entries, files, bad_file, bad_line = [], [], None, None
    for i, share in enumerate(shares + [[]] * n_empty):
        lines = [_change_line(change, view, rng, escapes, shuffle, space) for change in share]
        if i == bad_share and (broken in CHANGE_BREAKS or broken == "json"):
            bad_line = len(lines) // 2 + 1
            lines[bad_line - 1] = (_spoiled_change(share[bad_line - 1], broken)
                                   if broken in CHANGE_BREAKS
                                   else lines[bad_line - 1].replace(b"}", b"", 1))
        packed = gzip.compress(b"".join(lines), 1, mtime=0) if i < n_files or i % 2 else b""
        name = f"{rng.getrandbits(128):026x}.json.gz"
        checksum = _md5(packed + b"x" if i == bad_share and broken == "md5" else packed)
        if i == bad_share:
            bad_file = os.path.join(data, name)
        if not (i == bad_share and broken == "missing_file"):
            _write(os.path.join(data, name), packed)
        files.append(os.path.join(data, name))
        entries.append({"itemCount": len(lines) + (i == bad_share and broken == "count"),
                        "md5Checksum": checksum, "etag": hashlib.md5(packed).hexdigest() + "-1",
                        "dataFileS3Key": f"{prefix}AWSDynamoDB/data/{name}"})
    table_arn = table_arn or f"arn:aws:dynamodb:eu-west-1:123456789012:table/{table}"
    _write_manifests(path, entries, broken, False, {
        "version": "2023-08-01", "exportArn": f"{table_arn}/export/{export_id}",
        "startTime": end, "endTime": end, "tableArn": table_arn, "tableId": table_id,
        "exportFromTime": start, "exportToTime": end, "s3Bucket": "exports",
        "s3Prefix": prefix.rstrip("/") or None, "s3SseAlgorithm": "AES256", "s3SseKmsKeyId": None,
        "manifestFilesS3Key": f"{prefix}AWSDynamoDB/{export_id}/manifest-files.json",
        "billedSizeBytes": 600 * len(changes),
        "itemCount": sum(entry["itemCount"] for entry in entries) + (broken == "total"),
        "outputFormat": "ION" if broken == "ion" else "DYNAMODB_JSON",
        "outputView": "OLD_IMAGE" if broken == "view" else view,
        "exportType": "INCREMENTAL_EXPORT"})
    return Export(path, files, bad_file if broken else None, bad_line)


def _write_manifests(path, entries, broken, hex_checksums, summary):
    if broken == "incremental":
        summary |= {"version": "2023-08-01", "exportType": "INCREMENTAL_EXPORT",
                    "exportFromTime": "2024-05-18T02:00:00.000Z",
                    "exportToTime": "2024-05-18T02:40:00.000Z", "outputView": "NEW_IMAGE"}
    texts = {"summary": json.dumps(summary, separators=(",", ":")),
             "files": "".join(json.dumps(entry, separators=(",", ":")) + "\n" for entry in entries)}
    if broken == "summary_json":
        texts["summary"] = texts["summary"][:-20]
    for name, text in texts.items():
        digest = _md5(text.encode() + (b" " if broken == name + "_checksum" else b""))
        if hex_checksums:
            digest = base64.b64decode(digest).hex()
        if not (name == "summary" and broken == "no_summary"):
            _write(os.path.join(path, f"manifest-{name}.json"), text)
        _write(os.path.join(path, f"manifest-{name}.checksum"), digest)
    _write(os.path.join(path, "_started"), b"")


def _partition_hash(item, key):
    text = json.dumps(item[key[0]], sort_keys=True).encode()
    return int.from_bytes(hashlib.md5(text).digest()[:8], "big")
