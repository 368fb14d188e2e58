"""Every fault of the service and the network in every verb: the table ends exactly as planned.

Each kind of fault meets find, a checked apply, an apply in transactions and undo, at fixed requests
of each operation; and in the end everything happens at once, in front of DynamoDB and of S3.
"""

import json
import os
import shutil
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

import support  # noqa: F401
import fault_proxy
import identity_servers
import keepone
import oracle
import s3_case
import s3_fault_proxy
import seed
from keepone import ALL, RULES

TABLE_RULES = {name: text for name, text in RULES.items() if name != "primary_key"}
AT_ONCE = 3   # stories: they wait more than they work
LIFE_SECONDS = 3
CLOCK_SECONDS = 1200

# The operations of each verb that meet the fault.
READS = {"find": ["Scan"]}
APPLIES = {"checked": ["BatchGetItem", "BatchExecuteStatement"],
           "transact": ["BatchGetItem", "TransactWriteItems"]}
EVERYWHERE = READS | APPLIES | {"undo": ["PutItem"]}

# A name; the fault; whom it meets.
KINDS = {f"throttled: {reason}": ({"fault": "throttle", "reason": reason}, EVERYWHERE)
         for reason in fault_proxy.REASONS}
KINDS |= {
    "partial batches": ({"fault": "partial"}, APPLIES),
    "500": ({"fault": "error_before"}, EVERYWHERE),
    "500, done": ({"fault": "error_after"}, EVERYWHERE),
    "503 in HTML": ({"fault": "html"}, EVERYWHERE),
    "cut bodies": ({"fault": "cut_after"}, EVERYWHERE),
    "wrong CRC": ({"fault": "crc"}, EVERYWHERE),
    "slow replies": ({"fault": "slow", "seconds": 0.5}, EVERYWHERE),
    "reset before": ({"fault": "reset_before"}, EVERYWHERE),
    "reset after": ({"fault": "reset_after"}, EVERYWHERE),
    "closed before": ({"fault": "drop_before"}, EVERYWHERE),
    "closed after": ({"fault": "drop_after"}, EVERYWHERE),
    "expired token": ({"fault": "expired", "nth": [2]}, EVERYWHERE),
    "clock 20 minutes off": ({"fault": "skew", "seconds": CLOCK_SECONDS, "nth": None}, EVERYWHERE),
}
LOSES_REPLIES = ("500, done", "cut bodies", "wrong CRC", "reset after", "closed after")


def rules_of(kind, verb):
    """Fixed requests of each operation: the first ones of two ranks, and a later one."""
    fault, verbs = KINDS[kind]
    rule = {"nth": [1, 2, 4]} | fault
    if rule["nth"] is None:
        return [{"op": "*", "fault": rule["fault"], "seconds": rule["seconds"]}]
    return [rule | {"op": operation} for operation in verbs.get(verb, ())]


class Story:
    """One table and one proxy before it; made by the test, told in a thread."""

    def __init__(self, case, kind):
        self.case, self.kind = case, kind
        self.table = case.new_table(seed.traps(n_random=60, n_hot=20))
        self.runs = [case.new_run() for _ in range(2)]
        self.proxy = fault_proxy.FaultProxy(case.server.endpoint)
        case.addCleanup(self.proxy.stop)

    def items(self):
        return self.db.scan_all(self.table)

    def run(self, verb, *arguments):
        """Runs a verb through the verb's faults, each of which must have happened."""
        rules = rules_of(self.kind, arguments[-1] if verb == "apply" else verb)
        self.proxy.set_rules(rules)
        result = self.case.run_ok(verb, *arguments, "--json", "--endpoint", self.proxy.endpoint,
                                  ranks=2)
        stats = self.proxy.stats()
        for rule in rules:
            fired = sum(n for name, n in stats["faults"].items()
                        if name.endswith(" " + rule["fault"])
                        and rule["op"] in ("*", name.split()[0]))
            self.case.assertGreater(fired, 0, f"{self.kind}: {rule} in {verb}: {stats}")
        return result.json

    def tell(self):
        self.db = self.case.server.client()
        items = self.items()
        verdict = oracle.judge(items, RULES)
        first, second = self.runs
        counts = self.run("find", "--table", self.table, "--run", first, "--segments", 8,
                          *keepone.options(TABLE_RULES))["counts"]
        self.case.check_verdict(first, counts, verdict)
        shutil.copytree(first, second)
        self.apply(first, "checked", items, verdict)
        self.run("undo", first, "--yes")
        planned = verdict["counts"]["planned"]
        self.case.assertEqual(planned, self.report_of(first)["ledger"]["restored"], self.kind)
        self.case.assertEqual(keepone.texts(items), keepone.texts(self.items()), self.kind)
        self.apply(second, "transact", items, verdict)

    def apply(self, run, safety, items, verdict):
        ledger = self.run("apply", run, "--yes", *ALL, "--safety", safety)["ledger"]
        planned = verdict["counts"]["planned"]
        self.case.check_ledger(ledger, planned=planned, deleted=planned)
        if self.kind in LOSES_REPLIES:
            self.case.assertGreater(ledger["unconfirmed"], 0, f"{self.kind}, {safety}")
        left = keepone.survivors(items, verdict, RULES)
        self.case.assertEqual(left, keepone.texts(self.items()), f"{self.kind}, {safety}")
        reported = self.report_of(run)["ledger"]
        self.case.assertEqual(ledger, reported)
        self.case.assertEqual(len(left), len(items) - reported["deleted"])

    @staticmethod
    def report_of(run):
        with open(os.path.join(run, "report.json"), encoding="utf-8") as source:
            return json.load(source)


class Cases(s3_case.S3Case, keepone.ServerCase):
    def test_each_fault_in_each_verb(self):
        stories = [Story(self, kind) for kind in KINDS]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            told = [pool.submit(story.tell) for story in stories]
        for story, end in zip(stories, told):
            with self.subTest(story.kind):
                end.result()

    def everything(self):
        """Rules of the two proxies that never go away."""
        some = [{"op": "*", "fault": "throttle", "probability": 0.02, "reason": reason}
                for reason in fault_proxy.REASONS]
        some += [{"op": operation, "fault": fault, "probability": 0.05}
                 for operation in ("Scan", "BatchGetItem", "BatchExecuteStatement", "PutItem",
                                   "TransactWriteItems")
                 for fault in ("partial", "error_after", "cut_after", "crc", "reset_after",
                               "reset_before")]
        some += [{"op": "*", "fault": fault, "probability": 0.03} for fault in
                 ("error_before", "html", "slow")]
        clock = {"op": "*", "fault": "skew", "seconds": CLOCK_SECONDS}
        objects = [{"fault": "skew", "seconds": CLOCK_SECONDS}]
        objects += [{"fault": fault, "probability": 0.03}
                    for fault in ("slow_down", "error_before", "html", "drop_before")]
        objects += [{"fault": "slow", "probability": 0.05},
                    {"fault": "cut", "method": "GET", "probability": 0.05},
                    {"fault": "error_after", "method": "PUT", "probability": 0.03},
                    {"fault": "drop_after", "method": "PUT", "probability": 0.03}]
        return [clock] + some, objects

    def check_everything(self, safety):
        vault = identity_servers.Vault(life_seconds=LIFE_SECONDS)
        identity = identity_servers.Identity(vault)
        self.addCleanup(identity.stop)
        token = os.path.join(self.folder, "token")
        identity.write_token("container", token)
        db_rules, s3_rules = self.everything()
        proxy = identity_servers.CheckingProxy(self.server.endpoint, vault, seconds=0.02)
        proxy.set_rules(db_rules, seed=len(safety))
        self.addCleanup(proxy.stop)
        objects = s3_fault_proxy.S3FaultProxy(self.s3, s3_rules, len(safety), vault)
        self.addCleanup(objects.stop)
        env = {name: "" for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")} | {
            "AWS_ENDPOINT_URL_S3": objects.endpoint, "AWS_ENDPOINT_URL_DYNAMODB": proxy.endpoint,
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": identity.endpoint + "/v1/credentials",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": token}
        place = self.new_place()
        table = self.new_table(seed.traps(n_random=60, n_hot=20))
        items = self.db.scan_all(table)
        verdict = oracle.judge(items, RULES)
        planned = verdict["counts"]["planned"]
        said = []
        begin = time.monotonic()

        def run(verb, *arguments):
            result = self.run_ok(verb, *arguments, "--json", "--log-level", "debug", env=env,
                                 ranks=2)
            said.extend((result.out, result.err))
            return result.json

        found = run("find", "--table", table, "--run", place, "--segments", 8,
                    *keepone.options(TABLE_RULES))
        self.check_verdict(self.download(place), found["counts"], verdict)
        ledger = run("apply", place, "--yes", *ALL, "--safety", safety)["ledger"]
        self.check_ledger(ledger, planned=planned, deleted=planned)
        self.check_table(table, keepone.survivors(items, verdict, RULES))
        run("undo", place, "--yes")
        self.check_table(table, keepone.texts(items))
        self.assertEqual(ledger | {"restored": planned}, self.report_of(place)["ledger"])

        self.assertGreater(time.monotonic() - begin, LIFE_SECONDS)
        self.assertGreater(vault.n_issued("container"), 6)  # two ranks of three commands
        self.assertEqual(([], []), (identity.wrong, objects.refused))
        self.check_fired(proxy, objects)
        self.check_secrets(vault.secrets, place, said)

    def report_of(self, place):
        return json.loads(self.s3.get(s3_case.BUCKET, self.key_of(place, "report.json")))

    def check_fired(self, proxy, objects):
        fired = {name.split()[1] for name in proxy.stats()["faults"]}
        self.assertLessEqual({"skew", "throttle", "reset_before"}, fired)
        self.assertGreater(len(fired), 6, fired)
        self.assertGreater(len(objects.fired), 4, objects.fired)
        self.assertGreater(objects.fired["skew"], 0)

    def check_secrets(self, secrets, place, said):
        self.assertGreater(len(secrets), 10)
        texts = {"output": "".join(said).encode()}
        folder = self.download(place)
        for parent, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(parent, name)
                with open(path, "rb") as source:
                    texts[path] = source.read()
                if name.endswith(".zst"):
                    texts[path] += keepone.unpacked(path)
        self.assertGreater(len(texts), 5)
        for where, text in texts.items():
            for secret in secrets:
                self.assertNotIn(secret.encode(), text, where)

    def test_everything_at_once_with_tokens_of_seconds(self):
        for safety in ("checked", "transact"):
            with self.subTest(safety):
                self.check_everything(safety)


if __name__ == "__main__":
    unittest.main()
