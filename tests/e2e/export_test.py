"""keepone export starts exports and waits for them; find takes what it prints."""

import os
import re
import signal
import subprocess
import time
import unittest

import support  # noqa: F401  (finds tests/support)
import dynamodb_local
import export_server
import keepone
import s3_servers
import seed

FIRST, SECOND, LAST = (f"2026-01-{day}T12:00:00Z" for day in ("10", "11", "14"))


class Cases(keepone.ServerCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.exports = export_server.ExportServer(cls.server.endpoint, None)

    @classmethod
    def tearDownClass(cls):
        cls.exports.stop()
        super().tearDownClass()

    def setUp(self):
        super().setUp()
        self.exports.reset()
        self.exports.set_rules([])
        self.exports.put = self.put

    def tearDown(self):
        self.assertEqual([], self.exports.problems)

    def put(self, bucket, key, content):
        path = os.path.join(self.folder, bucket, key)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as out:
            out.write(content)

    def fetched(self, path):
        """The local folder for s3://bucket/..."""
        self.assertTrue(path.startswith("s3://exports/"), path)
        return os.path.join(self.folder, path.removeprefix("s3://"))

    def new_table(self, items=None):
        table = super().new_table(seed.traps()[:200] if items is None else items)
        self.exports.snapshot(table, FIRST)
        return table

    def command(self, table, *arguments, to="s3://exports/p/q/"):
        return ["--table", table, "--to", to, "--endpoint", self.exports.endpoint, *arguments]

    def export(self, table, *arguments, to="s3://exports/p/q/", **how):
        result = self.run_ok("export", *self.command(table, *arguments, to=to), **how)
        return result.out.split()

    def fails(self, code, *parts, arguments):
        result = keepone.run("export", *arguments)
        self.check_error(result, code, *parts)
        return result

    def n_started(self):
        return self.exports.stats()["requests"].get("ExportTableToPointInTime", 0)

    def test_a_full_export_is_waited_for_and_found(self):
        table = self.new_table()
        self.exports.n_polls = 2
        path, = self.export(table)
        self.assertRegex(path, r"^s3://exports/p/q/AWSDynamoDB/\d+-c0ffee$")
        request, = self.exports.requests_seen
        self.assertEqual(("FULL_EXPORT", "exports", "p/q", None),
                         tuple(request.get(name) for name in
                               ("ExportType", "S3Bucket", "S3Prefix", "ExportTime")))
        self.assertEqual(3, self.exports.stats()["requests"]["DescribeExport"])
        live, _ = self.find_table(table, keepone.RULES)
        again = self.new_run()
        self.run_ok("find", "--export", self.fetched(path), "--run", again,
                    *keepone.options(keepone.RULES))
        self.assertEqual(keepone.plan_bytes(live), keepone.plan_bytes(again))

    def changed_table(self):
        items = seed.traps()[:200]
        table = self.new_table(items)
        self.change(table, items, 0)
        self.exports.snapshot(table, SECOND)
        self.change(table, items, 1)
        self.exports.snapshot(table, LAST)
        return table

    def test_exports_on_s3_need_no_other_step(self):
        server = s3_servers.S3rver()
        self.addCleanup(server.stop)
        self.exports.put = server.put
        table = self.changed_table()
        full, = self.export(table, "--at", FIRST)
        changes = self.export(table, "--from", FIRST, "--until", LAST)
        live, _ = self.find_table(table, keepone.RULES)
        folder = self.new_run()
        self.run_ok("find", "--export", full, "--run", folder, "--catch-up", ",".join(changes),
                    *keepone.options(keepone.RULES), env=server.environment(), ranks=2)
        self.assertEqual(keepone.plan_bytes(live), keepone.plan_bytes(folder))

    def test_full_export_and_changes_are_the_live_table(self):
        table = self.changed_table()
        full, = self.export(table, "--at", FIRST)
        changes = self.export(table, "--from", FIRST, "--until", LAST, ranks=2)
        self.assertEqual(4, len(changes))
        windows = [request["IncrementalExportSpecification"]
                   for request in self.exports.requests_seen[1:]]
        self.assertEqual([window["ExportToTime"] for window in windows[:-1]],
                         [window["ExportFromTime"] for window in windows[1:]])
        live, counts = self.find_table(table, keepone.RULES)
        folder = self.new_run()
        found = self.run_ok("find", "--export", self.fetched(full), "--run", folder, "--json",
                            "--catch-up", ",".join(map(self.fetched, changes)),
                            *keepone.options(keepone.RULES), ranks=3).json
        self.assertEqual(counts, found["counts"])
        self.assertEqual(keepone.plan_bytes(live), keepone.plan_bytes(folder))
        self.assertGreater(found["catch_up"]["superseded"], 0)

    def change(self, table, items, number):
        for i, item in enumerate(items[number::5]):
            key = {name: item[name] for name in ("pk", "sk")}
            if i % 3 == 0:
                self.db.delete(table, key)
            else:
                self.db.put(table, item | {"cause": seed.S(f"changed {i % 4}")})
        self.db.put(table, items[0] | {"pk": seed.S(f"new {number}")})

    def test_json_says_what_is_known(self):
        table = self.new_table()
        self.exports.snapshot(table, SECOND)
        arguments = self.command(table, "--from", FIRST, "--until", SECOND, "--json")
        made, = self.run_ok("export", *arguments).json["exports"]
        self.assertEqual(("COMPLETED", FIRST[:-1] + ".000Z", SECOND[:-1] + ".000Z", 0, 4096),
                         tuple(made[name] for name in ("status", "from", "until", "items",
                                                       "billed_bytes")))
        self.assertTrue(made["arn"].endswith(made["path"].rpartition("/")[2]))

    def test_the_same_command_starts_nothing_twice(self):
        table = self.new_table()
        path = self.export(table)
        result = self.run_ok("export", *self.command(table), ranks=3)
        self.assertEqual(path, result.out.split())
        self.assertIn("which the same command started at", result.err)
        self.assertNotEqual(path, self.export(table, to="s3://exports/other"))
        self.assertEqual((3, 2), (self.n_started(), len(self.exports.exports)))

    def test_a_lost_reply_starts_nothing_twice(self):
        table = self.new_table()
        start = "ExportTableToPointInTime"
        self.exports.set_rules([{"op": start, "fault": "drop_after", "nth": [1]},
                                {"op": start, "fault": "error_before", "nth": [2]},
                                {"op": "DescribeExport", "fault": "drop_after", "nth": [1]}])
        self.export(table)
        self.assertEqual((3, 1), (self.n_started(), len(self.exports.exports)))

    def test_an_export_can_be_waited_for_later(self):
        table = self.new_table()
        self.exports.n_polls = 1
        arn, = self.export(table, "--no-wait")
        self.assertIn(f"table/{table}/export/", arn)
        self.assertEqual(0, self.exports.stats()["requests"].get("DescribeExport", 0))
        result = self.run_ok("export", "--arn", arn, "--endpoint", self.exports.endpoint)
        self.assertEqual([arn.rpartition("/")[2]], [os.path.basename(result.out.strip())])

    def test_a_stop_leaves_the_export_alone_and_says_how_to_go_on(self):
        table = self.new_table()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
            self.exports.n_polls = 1000
            self.exports.set_rules([])
            process = subprocess.Popen(
                [keepone.PROGRAM, "export", *self.command(table, to=f"s3://exports/{number}")],
                text=True, env=os.environ | keepone.ENVIRONMENT, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, preexec_fn=dynamodb_local.die_with_parent)
            with self.subTest(number):
                while (not self.exports.stats()["requests"].get("DescribeExport")
                       and process.poll() is None):
                    time.sleep(0.02)
                process.send_signal(number)
                _, err = process.communicate(timeout=20)
                self.assertEqual(keepone.STOPPED, process.returncode, err)
                arn, = re.findall(r"keepone export --arn (\S+) waits", err)
                self.exports.n_polls = 0
                self.run_ok("export", "--arn", arn, "--endpoint", self.exports.endpoint)
        self.assertEqual(3, len(self.exports.exports))

    def test_refusals_say_what_to_do(self):
        table = self.new_table()
        start = "ExportTableToPointInTime"
        for code, expected, hint in (
                ("PointInTimeRecoveryUnavailableException", keepone.REFUSED, "point-in-time"),
                ("InvalidExportTimeException", keepone.OPTION, "times at which"),
                ("ExportConflictException", keepone.REFUSED, "--arn"),
                ("TableNotFoundException", keepone.ACCESS, "table's name"),
                ("AccessDeniedException", keepone.ACCESS, "allow"),
                ("ValidationException", keepone.OPTION, "")):
            with self.subTest(code):
                self.exports.refuse(start, code, text="because")
                result = self.fails(expected, code, "because", arguments=self.command(table))
                self.assertIn(hint, result.err)
        self.assertEqual({}, self.exports.exports)

    def test_throttles_are_waited_out(self):
        table = self.new_table()
        self.exports.refuse("ExportTableToPointInTime", "LimitExceededException")
        self.exports.refuse("DescribeExport", "ThrottlingException")
        self.export(table)

    def test_a_table_without_point_in_time_recovery_is_refused_at_once(self):
        table = self.new_table()
        self.exports.has_pitr = False
        self.fails(keepone.REFUSED, table, "point-in-time recovery", arguments=self.command(table))
        self.assertEqual(0, self.n_started())

    def test_a_failed_export_tells_why(self):
        table = self.new_table()
        self.exports.failure = ("S3NoSuchBucket", "The bucket\ndoes not exist")
        self.fails(keepone.AWS, "FAILED", "S3NoSuchBucket", "The bucket does not exist",
                   arguments=self.command(table))

    def test_what_is_not_there_is_named(self):
        self.fails(keepone.ACCESS, "no-such-table", arguments=self.command("no-such-table"))
        arn = export_server.ACCOUNT + "t/export/1-2"
        self.fails(keepone.OPTION, "ExportNotFoundException", arguments=[
            "--arn", arn, "--endpoint", self.exports.endpoint])
        table = self.new_table()
        self.fails(keepone.REFUSED, "knows no exports", arguments=[
            "--table", table, "--to", "s3://exports", "--endpoint", self.server.endpoint])

    def test_encryption_and_owner_are_passed_on(self):
        table = self.new_table()
        self.export(table, "--sse-kms-key", "alias/x", "--bucket-owner", "123456789012",
                    to="s3://exports")
        request, = self.exports.requests_seen
        self.assertEqual({"S3SseAlgorithm": "KMS", "S3SseKmsKeyId": "alias/x",
                          "S3BucketOwner": "123456789012", "S3Bucket": "exports"},
                         {name: text for name, text in request.items() if name.startswith("S3")})

    def test_bad_options_are_named(self):
        two = ["--table", "t", "--to", "s3://b"]
        for arguments, said in (
                (["--table", "t"], "--to"), (["--to", "s3://b"], "--table"),
                (["--table", "t", "--to", "/tmp/x"], "--to: DynamoDB exports to S3 alone"),
                (["--table", "t", "--to", "s3:///x"], "--to"),
                (two + ["--at", "yesterday"], "'yesterday' is no time"),
                (two + ["--at", "2026-01-01T00:00:00.5Z"], "whole seconds"),
                (two + ["--from", FIRST], "--from and --until"),
                (two + ["--until", FIRST], "--from and --until"),
                (two + ["--from", FIRST, "--until", SECOND, "--at", FIRST], "--at"),
                (two + ["--from", FIRST, "--until", "2026-01-10T12:14:59Z"], "15 minutes"),
                (two + ["--from", SECOND, "--until", FIRST], "15 minutes"),
                (two + ["--from", "2025-01-01", "--until", FIRST], "36 days"),
                (two + ["--arn", "arn:x"], "beside --arn"),
                (["--arn", "arn:x", "--no-wait"], "beside --arn")):
            with self.subTest(arguments):
                self.fails(keepone.OPTION, said, arguments=arguments)


if __name__ == "__main__":
    unittest.main()
