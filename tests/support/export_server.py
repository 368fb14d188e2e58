"""Exports in front of DynamoDB Local, which has none: ExportTableToPointInTime and DescribeExport.

    exports = ExportServer(server.endpoint, put)        put(bucket, key, content) stores a file
    exports.endpoint                                    all other operations pass to the server
    exports.snapshot("space-diff", "2026-01-31T12:00:00Z")
                                                        the table as it is now was so at that time
    exports.n_polls = 3                                 an export is IN_PROGRESS as often
    exports.failure = ("S3AccessDenied", "no")          the next ones fail so
    exports.refuse("ExportTableToPointInTime", "LimitExceededException", times=2)
    exports.requests_seen, exports.problems             what came, and what was wrong with it

An export is of snapshots: a full one of the last that is not later than its time, an incremental
one of what differs between two.  It is written as soon as it is asked for.
"""

import datetime
import json
import os
import re
import shutil
import tempfile
import time

import dynamodb_local
import export
import fault_proxy
import history

MEMBERS = {"TableArn": str, "S3Bucket": str, "S3Prefix": str, "S3BucketOwner": str,
           "S3SseAlgorithm": str, "S3SseKmsKeyId": str, "ExportFormat": str, "ExportType": str,
           "ExportTime": int, "IncrementalExportSpecification": dict, "ClientToken": str}
WINDOW = {"ExportFromTime": int, "ExportToTime": int, "ExportViewType": str}
OPERATIONS = ("ExportTableToPointInTime", "DescribeExport", "DescribeContinuousBackups")
ACCOUNT = "arn:aws:dynamodb:ddblocal:000000000000:table/"


def iso(seconds):
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


class ExportServer(fault_proxy.FaultProxy):
    def __init__(self, upstream, put):
        super().__init__(upstream)
        self.server.RequestHandlerClass = _Handler
        self.put = put
        self.client = dynamodb_local.Client(upstream)
        self.reset()

    def reset(self):
        with self.lock:
            self.snapshots, self.exports, self.tokens = {}, {}, {}
            self.requests_seen, self.problems, self.refusals = [], [], []
            self.n_polls, self.failure, self.has_pitr = 0, None, True

    def snapshot(self, table, moment):
        """moment: an ISO text; later than those before."""
        at = history.us(moment) // 1_000_000
        self.snapshots.setdefault(table, []).append((at, self.client.scan_all(table)))

    def refuse(self, operation, code, times=1, text="not now"):
        self.refusals += [(operation, code, text)] * times

    # What the handler asks; under the lock.

    def answer(self, operation, body):
        """(status, reply) of one of OPERATIONS."""
        for i, (refused, code, text) in enumerate(self.refusals):
            if refused == operation:
                del self.refusals[i]
                return 400, _error(code, text)
        if operation == "DescribeContinuousBackups":
            status = "ENABLED" if self.has_pitr else "DISABLED"
            return 200, {"ContinuousBackupsDescription": {
                "ContinuousBackupsStatus": "ENABLED",
                "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": status}}}
        if operation == "ExportTableToPointInTime":
            self.requests_seen.append(body)
            return self._start(body)
        return self._describe(body["ExportArn"])

    def _check(self, body):
        self._check_members(body, MEMBERS)
        self._check_members(body.get("IncrementalExportSpecification", {}), WINDOW)
        wrong = [
            not re.fullmatch(r"[a-z0-9.-]{3,63}", body.get("S3Bucket", "")),
            body.get("S3Prefix", "x").strip("/") != body.get("S3Prefix", "x"),
            not re.fullmatch(r"[A-Za-z0-9-]{16,36}", body.get("ClientToken", "")),
            body.get("ExportFormat") != "DYNAMODB_JSON",
            not body.get("TableArn", "").startswith(ACCOUNT),
            ("S3SseKmsKeyId" in body) != (body.get("S3SseAlgorithm") == "KMS"),
            (body.get("ExportType") == "INCREMENTAL_EXPORT")
            != ("IncrementalExportSpecification" in body)]
        if any(wrong):
            self.problems.append((wrong, body))

    def _check_members(self, body, members):
        for name, value in body.items():
            if not isinstance(value, members.get(name, ())):
                self.problems.append((name, body))

    def _start(self, body):
        self._check(body)
        token = body.pop("ClientToken")
        known, arn = self.tokens.get(token, (body, None))
        if known != body:
            return 400, _error("ExportConflictException", "the token is of another request")
        if arn is None:
            table = body["TableArn"].rpartition("/")[2]
            if not self.has_pitr:
                return 400, _error("PointInTimeRecoveryUnavailableException",
                                   f"Point in time recovery is not enabled for table '{table}'")
            window = body.get("IncrementalExportSpecification")
            times = ([window["ExportFromTime"], window["ExportToTime"]] if window else
                     [body.get("ExportTime", self.snapshots[table][-1][0])])
            if window and not 15 * 60 <= times[1] - times[0] <= 24 * 3600:
                return 400, _error("InvalidExportTimeException", "the window is too small or large")
            if times[0] < self.snapshots[table][0][0] or times[-1] > self.snapshots[table][-1][0]:
                return 400, _error("InvalidExportTimeException", "outside of what can be restored")
            export_id = f"{len(self.exports) + 1700000000000:014d}-c0ffee"
            arn = self._write(table, body, times, export_id)
            self.tokens[token] = (body, arn)
        return 200, {"ExportDescription": self.exports[arn]["description"]}

    def _at(self, table, moment):
        return [items for at, items in self.snapshots[table] if at <= moment][-1]

    def _write(self, table, body, times, export_id):
        """Makes the export in a folder and puts its files into the bucket."""
        folder = tempfile.mkdtemp(prefix="keepone-")
        prefix = body["S3Prefix"] + "/" if "S3Prefix" in body else ""
        key = self.client.key_names(table)
        how = {"table": table, "table_arn": body["TableArn"], "export_id": export_id,
               "prefix": prefix, "table_id": export.TABLE_ID}
        if len(times) == 1:
            items = self._at(table, times[0])
            export.write_export(folder, items, n_files=3, key=key, export_time=iso(times[0]), **how)
        else:
            items = self._changes(table, key, *times)
            export.write_changes(folder, items, iso(times[0]), iso(times[1]), **how)
        for place, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(place, name)
                with open(path, "rb") as content:
                    self.put(body["S3Bucket"], prefix + os.path.relpath(path, folder),
                             content.read())
        shutil.rmtree(folder)
        arn = f"{body['TableArn']}/export/{export_id}"
        description = {name: text for name, text in body.items()
                       if name.startswith(("S3", "Export", "Incr"))}
        description |= {"ExportArn": arn, "ExportStatus": "IN_PROGRESS",
                        "StartTime": round(time.time() - 3600, 3), "TableArn": body["TableArn"],
                        "TableId": export.TABLE_ID, "ExportManifest": None}
        if len(times) == 1:
            description["ExportTime"] = times[0] + 0.5
        self.exports[arn] = {
            "description": description, "polls": 0,
            "end": {"ExportStatus": "COMPLETED", "ItemCount": len(items), "BilledSizeBytes": 4096,
                    "ExportManifest": f"{prefix}AWSDynamoDB/{export_id}/manifest-summary.json"}}
        if self.failure:
            self.exports[arn]["end"] = {"ExportStatus": "FAILED", "FailureCode": self.failure[0],
                                        "FailureMessage": self.failure[1]}
        return arn

    def _changes(self, table, key, start, end):
        def by_key(moment):
            return {json.dumps([item[name] for name in key]): item
                    for item in self._at(table, moment)}
        old, new = by_key(start), by_key(end)
        touched = [text for text in old | new if old.get(text) != new.get(text)]
        return [export.Change(start * 1_000_000 + 1, dict(zip(key, json.loads(text))),
                              old.get(text), new.get(text)) for text in touched]

    def _describe(self, arn):
        if arn not in self.exports:
            return 400, _error("ExportNotFoundException", f"Export not found: {arn}")
        known = self.exports[arn]
        known["polls"] += 1
        if known["polls"] > self.n_polls:
            known["description"] |= known["end"]
        return 200, {"ExportDescription": known["description"]}


def _error(code, text):
    return {"__type": "com.amazonaws.dynamodb.v20120810#" + code, "message": text}


class _Handler(fault_proxy._Handler):
    """Knows the rules of FaultProxy for exports, too, as far as they are below."""

    def _answer(self, operation, headers, body):
        if operation not in OPERATIONS:
            return super()._answer(operation, headers, body)
        fault = self.proxy.choose(operation, body, headers)[0].get("fault")
        if fault == "error_before":
            return fault_proxy.error(500, "InternalServerError", "an internal error")
        with self.proxy.lock:
            status, reply = self.proxy.answer(operation, json.loads(body))
        if fault == "drop_after":
            raise fault_proxy.Drop()
        return fault_proxy.reply_of(status, json.dumps(reply).encode())
