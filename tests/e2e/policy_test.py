"""policy: what it prints allows what the verbs send, and nothing else."""

import json
import os
import unittest

import support  # noqa: F401
import keepone
import seed
from describe_proxy import DescribeProxy
from keepone import ALL, OPTION, RULES

ARN = "arn:aws:dynamodb:eu-west-1:111122223333:table/space-diff"
ROLE = "arn:aws:iam::111122223333:role/keepone"

# What the service authorises an operation by, if not by an action of its own name.
ACTIONS = {"BatchExecuteStatement": {"PartiQLDelete"},
           "TransactWriteItems": {"ConditionCheckItem", "DeleteItem"}}


def actions_of(document, service="dynamodb"):
    return {action.partition(":")[2] for statement in document["Statement"]
            for action in statement["Action"] if action.startswith(service + ":")}


def needed(operations):
    return set().union(*(ACTIONS.get(operation, {operation}) for operation in operations))


class Files(keepone.Case):
    def policy(self, job, *arguments, rc=0):
        path = os.path.join(self.folder, "job.yaml")
        with open(path, "w", encoding="utf-8") as out:
            out.writelines(f"{name}: {json.dumps(value)}\n" for name, value in job.items())
        return self.run_ok("policy", path, *arguments, rc=rc)

    def job(self, **more):
        return {"verb": "find", "table": ARN, "key": "cause", "keep": "any", "run": "x"} | more

    def test_statements_name_the_table_and_nothing_else(self):
        said = self.policy(self.job()).json
        self.assertEqual({"finding", "applying"}, set(said))
        for document in said.values():
            self.assertEqual("2012-10-17", document["Version"])
            for statement in document["Statement"]:
                self.assertEqual(("Allow", ARN), (statement["Effect"], statement["Resource"]))
        self.assertEqual({"Scan", "DescribeTable", "DescribeTimeToLive",
                          "DescribeContinuousBackups"}, actions_of(said["finding"]))

    def test_what_is_not_known_is_marked(self):
        result = self.policy(self.job(table="space-diff"), "--region", "cn-north-1")
        resources = {statement["Resource"] for statement in result.json["applying"]["Statement"]}
        self.assertEqual({"arn:aws-cn:dynamodb:cn-north-1:${AccountId}:table/space-diff"},
                         resources)
        self.assertIn("replace ${AccountId}", result.err)

    def test_places_on_s3(self):
        said = self.policy(self.job(export="s3://exports/daily/AWSDynamoDB/01-a",
                                    run="s3://runs/space-diff/")).json["finding"]
        objects = {statement["Resource"]: set(statement["Action"])
                   for statement in said["Statement"] if "s3" in statement["Action"][0]}
        self.assertEqual({
            "arn:aws:s3:::exports/daily/AWSDynamoDB/01-a/*": {"s3:GetObject"},
            "arn:aws:s3:::exports": {"s3:ListBucket"},
            "arn:aws:s3:::runs/space-diff/*": {"s3:GetObject", "s3:PutObject", "s3:DeleteObject",
                                               "s3:AbortMultipartUpload"},
            "arn:aws:s3:::runs": {"s3:ListBucket"}}, objects)
        self.assertNotIn("Scan", actions_of(said))
        prefixes = [statement["Condition"]["StringLikeIfExists"]["s3:prefix"]
                    for statement in said["Statement"] if "Condition" in statement]
        self.assertEqual(["daily/AWSDynamoDB/01-a*", "space-diff*"], prefixes)
        sids = [statement["Sid"] for statement in said["Statement"]]
        self.assertEqual(len(sids), len(set(sids)))

    def test_a_place_with_wildcards_in_its_name_is_that_place_alone(self):
        said = self.policy(self.job(run="s3://runs/a*b?c$d/\"e\"")).json["finding"]
        objects = [statement["Resource"] for statement in said["Statement"]
                   if "s3:GetObject" in statement["Action"]]
        self.assertEqual(['arn:aws:s3:::runs/a${*}b${?}c${$}d/"e"/*'], objects)

    def test_incremental_exports_have_their_files_beside_them(self):
        folder = "s3://exports/daily/AWSDynamoDB/"
        said = self.policy(self.job(export=folder + "01-a",
                                    **{"catch-up": [folder + "02-b", folder + "03-c"]})).json
        statements = said["finding"]["Statement"]
        objects = [statement["Resource"] for statement in statements
                   if statement["Action"] == ["s3:GetObject"]]
        base = "arn:aws:s3:::exports/daily/AWSDynamoDB/"
        self.assertEqual([base + "01-a/*", base + "02-b/*", base + "data/*", base + "03-c/*"],
                         objects)
        prefixes = [statement["Condition"]["StringLikeIfExists"]["s3:prefix"]
                    for statement in statements if "Condition" in statement]
        self.assertIn("daily/AWSDynamoDB/data*", prefixes)
        sids = [statement["Sid"] for statement in statements]
        self.assertEqual(len(sids), len(set(sids)))

    def test_a_role_is_assumed_by_somebody_else(self):
        said = self.policy(self.job(), "--assume-role", ROLE).json
        self.assertEqual([{"Action": ["sts:AssumeRole"], "Effect": "Allow", "Resource": ROLE,
                           "Sid": "KeeponeAssumeRole"}], said["calling"]["Statement"])

    def test_starting_an_export(self):
        said = self.policy({"verb": "export", "table": ARN, "to": "s3://exports/daily"}).json
        self.assertEqual({"finding"}, set(said))
        statements = {action: statement["Resource"] for statement in said["finding"]["Statement"]
                      for action in statement["Action"]}
        self.assertEqual(ARN, statements["dynamodb:ExportTableToPointInTime"])
        self.assertEqual(ARN + "/export/*", statements["dynamodb:DescribeExport"])
        self.assertEqual("arn:aws:s3:::exports/daily/*", statements["s3:PutObject"])
        self.assertNotIn("s3:GetObject", statements)

    def test_waiting_for_an_export(self):
        name = ARN + "/export/01716000000000-c0ffee01"
        said = self.policy({"verb": "export", "arn": name}).json
        self.assertEqual([{"Action": ["dynamodb:DescribeExport"], "Effect": "Allow",
                           "Resource": name, "Sid": "KeeponeWaitForExport"}],
                         said["finding"]["Statement"])

    def test_local_work_needs_nothing(self):
        result = self.policy({"verb": "find", "export": "x", "primary-key": "pk", "key": "a",
                              "keep": "any", "run": "y"}, rc=OPTION)
        self.check_error(result, OPTION, "a job of 'find' on local files needs no AWS permission")

    def test_a_bad_job_file_is_refused(self):
        self.check_error(self.policy({"verb": "find", "table": ARN}, rc=OPTION), OPTION,
                         "needs --key")


class Sent(keepone.ServerCase):
    """Real runs before a proxy that remembers what was sent."""

    def policy_of(self, folder, verb, *arguments):
        path = os.path.join(self.folder, "job.yaml")
        with open(path, "w", encoding="utf-8") as out:
            out.write(f"verb: {verb}\nrun: {folder}\n")
        return self.run_ok("policy", path, *arguments).json

    def test_each_verb_sends_only_what_its_policy_allows(self):
        for safety in ("checked", "transact"):
            proxy = DescribeProxy(self.server.endpoint, pitr="ENABLED")
            self.addCleanup(proxy.stop)
            table = self.new_table(seed.traps())
            folder, _ = self.find_table(table, RULES, endpoint=proxy.endpoint)
            sent = {"find": proxy.operations()}
            said = self.policy_of(folder, "apply", "--safety", safety)
            arn = self.db.describe(table)["TableArn"]
            resources = {statement["Resource"] for document in said.values()
                         for statement in document["Statement"]}
            self.assertEqual({arn}, resources)  # the run knows it

            self.apply(folder, *ALL, "--safety", safety)
            sent["apply"] = proxy.operations()
            self.run_ok("verify", folder, rc=keepone.UNCLEAN)
            sent["verify"] = proxy.operations()
            self.run_ok("estimate", *self.at(table, proxy.endpoint), "--key", "cause",
                        "--sample", "5")
            sent["estimate"] = proxy.operations()
            self.run_ok("undo", folder, "--yes")
            sent["undo"] = proxy.operations()

            self.assertIn("Scan", sent["find"])
            for verb, operations in sent.items():
                document = "applying" if verb in ("apply", "undo") else "finding"
                with self.subTest(safety=safety, verb=verb):
                    self.assertTrue(operations)
                    self.assertLessEqual(needed(operations), actions_of(said[document]))
            # Nothing is allowed that is never sent; PutItem and DeleteItem are for what rarely
            # happens: keepers lost in the meantime, statements that PartiQL cannot take.
            used = needed(sent["apply"] | sent["undo"])
            self.assertLessEqual(actions_of(said["applying"]) - used, {"DeleteItem", "PutItem"})
            self.assertEqual(needed(sent["find"]), actions_of(said["finding"]))


if __name__ == "__main__":
    unittest.main()
