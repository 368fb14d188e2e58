"""S3 as a mount, on two servers and through a proxy that fails: what goes in comes out whole."""

import json
import os
import random
import re
import subprocess
import sys
import unittest

import support  # noqa: F401
import keepone
import s3_fault_proxy
import s3_servers

TRIAL = os.path.join(os.path.dirname(keepone.PROGRAM), "tests", "s3_trial")
BUCKET = "trial-bucket"
MIB = 1 << 20
PART = 8 * MIB
NOISE = random.Random(1).randbytes(PART)


def at(key):
    return f"s3://{BUCKET}/{key}"


class S3Case(keepone.Case):
    server_class = s3_servers.Moto

    @classmethod
    def setUpClass(cls):
        cls.server = cls.server_class()
        cls.server.make_bucket(BUCKET)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def path(self, name):
        return os.path.join(self.folder, name)

    def new_file(self, n_bytes):
        """No two of its parts are alike."""
        path = self.path(f"file-{n_bytes}")
        with open(path, "wb") as out:
            for start in range(0, n_bytes, PART):
                part = start.to_bytes(8, "big") + NOISE
                out.write(part[:min(PART, n_bytes - start)])
        return path

    def content(self, path):
        with open(path, "rb") as source:
            return source.read()

    def start(self, env):
        """The trial, with pipes; it reads lines until its input ends."""
        environment = {name: text for name, text in os.environ.items() if name[:4] != "AWS_"}
        return subprocess.Popen([TRIAL], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE,
                                env=environment | keepone.ENVIRONMENT | env)

    def trial(self, *lines, env=None):
        """The answers to these lines."""
        process = self.start(env or self.server.environment())
        out, err = process.communicate("".join("\t".join(line) + "\n" for line in lines),
                                       timeout=100)
        self.assertEqual((0, len(lines)), (process.returncode, len(out.splitlines())), out + err)
        return out.splitlines()

    def trial_ok(self, *lines, env=None):
        answers = self.trial(*lines, env=env)
        for answer in answers:
            self.assertTrue(answer.startswith("ok"), answers)
        return [answer[3:] for answer in answers]

    def new_proxy(self, *rules):
        proxy = s3_fault_proxy.S3FaultProxy(self.server, rules)
        self.addCleanup(proxy.stop)
        return proxy


class BothServers:
    """Run against each of them."""

    def test_objects_come_back_as_they_were_written(self):
        for n_bytes in (1, PART, PART + 1, 21 * MIB):
            with self.subTest(n_bytes):
                path, back = self.new_file(n_bytes), self.path("back")
                answers = self.trial_ok(("put", at("object"), path), ("stat", at("object")),
                                        ("get", at("object"), back))
                self.assertEqual(f"exists {n_bytes}", answers[1])
                self.assertEqual(self.content(path), self.content(back))
                self.assertEqual(self.content(path), self.server.get(BUCKET, "object"))

    def test_an_empty_object_is_an_object(self):
        path = self.new_file(0)
        answers = self.trial_ok(("put", at("empty"), path), ("stat", at("empty")),
                                ("watch", at("empty"), self.path("back")))
        self.assertEqual("exists 0", answers[1])
        self.assertTrue(answers[2].startswith("0 bytes"), answers)

    def test_keys_may_have_any_character(self):
        keys = ["odd/a b+c&d=e;f,g", "odd/%41\"'<x>", "odd/\u00fc\u20ac\U0001f600", "odd/..",
                "odd/*(~)"]
        self.trial_ok(*(("replace", at(key), key) for key in keys))
        for key in keys:
            self.assertEqual(key.encode(), self.server.get(BUCKET, key))
        listed, = self.trial_ok(("list", at("odd")))
        names = sorted((key[4:].encode() for key in keys))
        expected = " ".join(f"{name.decode()}:{len(name) + 4}" for name in names)
        self.assertEqual(f"{len(keys)} {expected}", listed)

    def test_a_folder_lists_what_is_one_level_below_it(self):
        for key in ("list/b", "list/a/1", "list/a/2", "list/a/deep/3", "list-not", "list/c/4"):
            self.server.put(BUCKET, key, b"12345")
        answers = self.trial_ok(("list", at("list")), ("list", at("list/a/")),
                                ("list", at("nothing")))
        self.assertEqual(["3 a/ b:5 c/", "3 1:5 2:5 deep/", "0"], answers)

    def test_removing_twice_is_no_error_and_a_folder_goes_with_all_below(self):
        for key in ("gone/1", "gone/2/3", "gone-not", *(f"gone/many/{i}" for i in range(40))):
            self.server.put(BUCKET, key, b"x")
        self.trial_ok(("remove", at("gone/1")), ("remove", at("gone/1")),
                      ("remove_folder", at("gone")), ("remove_folder", at("gone")))
        self.assertEqual(["gone-not"], self.server.keys(BUCKET, "gone"))

    def test_an_object_is_created_once(self):
        answers = self.trial_ok(("create", at("once"), "first"), ("create", at("once"), "second"))
        self.assertEqual(["created", "was there"], answers)
        self.assertEqual(b"first", self.server.get(BUCKET, "once"))

    def test_what_is_not_there_is_told_apart(self):
        answers = self.trial(("stat", at("none")), ("get", at("none"), "-"),
                             ("stat", "s3://no-such-bucket/x"), ("list", "s3://no-such-bucket/x"),
                             ("replace", "s3://no-such-bucket/x", "y"), ("get", "s3:///x", "-"))
        self.assertEqual("ok is missing 0", answers[0])
        self.assertRegex(answers[1], f"^error 30 reading '{at('none')}': there is no such object")
        for answer in answers[2:5]:
            self.assertRegex(answer, "^error 22 .*no such bucket")
        self.assertRegex(answers[5], "^error 2 .*bucket")

    def test_a_large_object_needs_little_memory(self):
        path = self.new_file(160 * MIB)
        written, = self.trial_ok(("put", at("large"), path))
        read, = self.trial_ok(("get", at("large"), "-"))
        self.assertIn(f"{160 * MIB} bytes", read)
        for answer in (written, read):
            self.assertLess(int(re.search(r"peak (\d+)", answer)[1]), 80 * MIB)
        self.trial_ok(("remove", at("large")))


class MotoCases(BothServers, S3Case):
    def test_listings_have_pages(self):
        proxy = self.new_proxy()
        listed, = self.trial_ok(("many", at("many/m"), "1234"), ("list", at("many")),
                                env=proxy.environment())[1:]
        self.assertEqual("1234 m0:1 m1:1 m10:2 ", listed[:21])
        pages = [request for request in proxy.requests if "list-type=2" in request]
        self.assertEqual(2, len(pages), pages)
        self.assertIn("continuation-token=", pages[1])
        self.assertEqual([], proxy.refused)

    def test_of_many_who_create_one_has_created(self):
        processes = [self.start(self.server.environment()) for _ in range(6)]
        for number, process in enumerate(processes):
            process.stdin.write("".join(f"create\t{at(f'race/{i}')}\t{number}\n"
                                        for i in range(10)))
            process.stdin.flush()
        answers = [process.communicate(timeout=60)[0].splitlines() for process in processes]
        for i in range(10):
            winner = self.server.get(BUCKET, f"race/{i}").decode()
            self.assertEqual([winner], [str(number) for number, lines in enumerate(answers)
                                        if lines[i] == "ok created"])

    def test_an_upload_thrown_away_leaves_nothing(self):
        self.trial_ok(("abandon", at("thrown"), self.new_file(20 * MIB)))
        self.assertEqual(([], 0), (self.server.keys(BUCKET, "thrown"), self.server.uploads(BUCKET)))


class S3rverCases(BothServers, S3Case):
    server_class = s3_servers.S3rver


class Faults(S3Case):
    """What goes wrong on the way is mended or told; every request is signed as S3 wants it."""

    def check_signed(self, proxy):
        self.assertEqual([], proxy.refused)

    def test_faults_of_every_kind_are_mended(self):
        path, back = self.new_file(30 * MIB), self.path("back")
        rules = [{"fault": fault, "probability": 0.05} for fault in
                 ("slow_down", "error_before", "error_after", "html", "drop_before", "drop_after",
                  "cut", "slow")]
        proxy = self.new_proxy(*rules)
        small = [(verb, at(f"mend/{i}"), *more) for i in range(20) for verb, *more in
                 (("replace", f"text {i}"), ("stat",), ("list",))]
        self.trial_ok(("put", at("mend/large"), path), ("get", at("mend/large"), back), *small,
                      env=proxy.environment())
        self.check_signed(proxy)
        self.assertGreater(len(proxy.fired), 4, proxy.fired)
        self.assertEqual(self.content(path), self.content(back))
        self.assertEqual(21, len(self.server.keys(BUCKET, "mend/")))
        self.assertEqual(0, self.server.uploads(BUCKET))

    def test_a_cut_body_goes_on_where_it_broke(self):
        path, back = self.new_file(12 * MIB), self.path("back")
        self.server.put(BUCKET, "cut", self.content(path))
        proxy = self.new_proxy({"fault": "cut", "share": 0.7, "nth": [1, 2, 4, 6]})
        self.trial_ok(("watch", at("cut"), back), env=proxy.environment())
        self.assertEqual(self.content(path), self.content(back))
        self.assertEqual(4, proxy.fired["cut"])
        firsts = [int(re.search(r"bytes=(\d+)-", request)[1]) for request in proxy.requests]
        self.assertEqual(len(firsts), len(set(firsts)), "something was asked for twice")
        self.check_signed(proxy)

    def test_a_server_that_stops_in_the_middle_is_asked_again(self):
        path, back = self.new_file(3 * MIB), self.path("back")
        self.server.put(BUCKET, "stall", self.content(path))
        proxy = self.new_proxy({"fault": "stall", "seconds": 8, "nth": [2]})
        self.trial_ok(("get", at("stall"), back),
                      env=proxy.environment() | {"KEEPONE_S3_STALL_MS": "1000"})
        self.assertEqual(self.content(path), self.content(back))

    def test_an_object_replaced_while_it_is_read_is_refused(self):
        self.server.put(BUCKET, "replaced", self.content(self.new_file(5 * MIB)))
        proxy = self.new_proxy({"fault": "pass", "nth": [2],
                                "edit": [["replaced", b"x" * 5 * MIB]]})
        answer, = self.trial(("get", at("replaced"), "-"), env=proxy.environment())
        self.assertRegex(answer, "^error 30 reading .*replaced meanwhile")

    def test_a_failed_part_leaves_nothing(self):
        proxy = self.new_proxy({"fault": "refuse", "status": 403, "code": "AccessDenied",
                                "match": "partNumber=3"})
        answer, = self.trial(("put", at("part"), self.new_file(30 * MIB)), env=proxy.environment())
        self.assertRegex(answer, "^error 22 writing .*AccessDenied.*HTTP 403.*s3:PutObject")
        self.assertEqual(([], 0), (self.server.keys(BUCKET, "part"), self.server.uploads(BUCKET)))

    def test_an_error_in_a_reply_200_is_an_error(self):
        path = self.new_file(9 * MIB)
        completes = {"method": "POST", "match": "uploadId="}
        for name, rule in (("mended", {"times": 2}), ("told", {})):
            proxy = self.new_proxy({"fault": "error_in_200"} | completes | rule)
            answer, = self.trial(("put", at(f"in200/{name}"), path),
                                 env=proxy.environment() | {"AWS_MAX_ATTEMPTS": "3"})
            self.assertEqual(name == "mended", answer.startswith("ok"), answer)
        self.assertRegex(answer, "^error 21 writing .*failed in 3 attempts: InternalError")
        self.assertEqual(["in200/mended"], self.server.keys(BUCKET, "in200/"))
        self.assertEqual(0, self.server.uploads(BUCKET))

    def test_a_completion_whose_reply_was_lost_has_completed(self):
        path = self.new_file(9 * MIB)
        proxy = self.new_proxy({"fault": "drop_after", "method": "POST", "match": "uploadId=",
                                "times": 1})
        self.trial_ok(("put", at("lost"), path), env=proxy.environment())
        self.assertEqual(1, proxy.fired["drop_after"])
        self.assertEqual(self.content(path), self.server.get(BUCKET, "lost"))

    def test_a_creation_whose_reply_was_lost_is_ours(self):
        for fault in ("drop_after", "error_after"):
            proxy = self.new_proxy({"fault": fault, "method": "PUT", "times": 1})
            answer, = self.trial_ok(("create", at(f"ours/{fault}"), "me"), env=proxy.environment())
            self.assertEqual("created", answer)
            self.assertEqual(1, proxy.fired[fault])

    def test_throttling_ends_at_the_limit(self):
        proxy = self.new_proxy({"fault": "slow_down"})
        answer, = self.trial(("stat", at("slow")),
                             env=proxy.environment() | {"KEEPONE_S3_THROTTLE_S": "1"})
        self.assertRegex(answer, "^error 20 looking at .*still throttled.*SlowDown.*id PROXY")

    def test_a_bucket_of_another_region_is_found(self):
        proxy = self.new_proxy({"fault": "region", "region": "eu-central-1"})
        self.trial_ok(("replace", at("region"), "x"), ("stat", at("region")), ("list", at("")),
                      env=proxy.environment())
        self.assertEqual(4, len(proxy.requests), "the region was not remembered")
        self.check_signed(proxy)

    def test_a_clock_that_is_off_is_corrected_once(self):
        proxy = self.new_proxy({"fault": "skew", "seconds": 1200})
        self.trial_ok(("replace", at("clock"), "x"), ("stat", at("clock")), env=proxy.environment())
        self.assertEqual(3, len(proxy.requests))
        self.check_signed(proxy)

    def test_an_expired_token_is_renewed_in_the_middle(self):
        path, count = self.new_file(20 * MIB), self.path("count")
        script = self.path("credentials.py")
        reply = json.dumps({"Version": 1, "AccessKeyId": "AKID", "SecretAccessKey": "S3RVER",
                            "SessionToken": "TOKEN-COUNT"})
        with open(script, "w", encoding="utf-8") as out:
            out.write(f"open({count!r}, 'a').write('x')\n"
                      f"n = len(open({count!r}).read())\n"
                      f"print({reply!r}.replace('COUNT', str(n)))\n")
        with open(self.path("config"), "w", encoding="utf-8") as out:
            out.write(f"[profile p]\ncredential_process = {sys.executable} {script}\n")
        proxy = self.new_proxy({"fault": "expired", "code": "TOKEN-1", "match": "partNumber=2"})
        environment = proxy.environment() | {"AWS_CONFIG_FILE": self.path("config"),
                                             "AWS_PROFILE": "p", "AWS_ACCESS_KEY_ID": "",
                                             "AWS_SECRET_ACCESS_KEY": ""}
        self.trial_ok(("put", at("token"), path), env=environment)
        self.assertEqual(2, len(self.content(count)))
        self.check_signed(proxy)
        self.assertEqual(self.content(path), self.server.get(BUCKET, "token"))


del S3Case

if __name__ == "__main__":
    unittest.main()
