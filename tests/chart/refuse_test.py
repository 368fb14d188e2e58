"""What the chart refuses: typos, by name; and every way to write to a table unasked."""

import itertools
import json
import os
import unittest

import support
import yaml
from support import CHART, FIND, HELMS

VERBS = {"find", "show", "plan", "apply", "verify", "undo", "runs", "dedup", "export", "estimate"}
WRITING = {"apply", "dedup", "undo"}
DELETING = {"apply", "dedup"}


class Cases(support.Case):
    def test_typos_are_named(self):
        said = {  # in the words of older and of newer Helms
            "podz": ({"podz": 2}, "(root): Additional property podz is not allowed",
                     "at '': additional properties 'podz' not allowed"),
            "keyy": ({"job": FIND | {"keyy": "x"}}, "job: Additional property keyy is not allowed",
                     "at '/job': additional properties 'keyy' not allowed"),
            "choice": ({"job": FIND | {"safety": "chekced"}},
                       'job.safety must be one of the following: "checked", "transact"',
                       "at '/job/safety': value must be one of 'checked', 'transact'"),
            "type": ({"job": FIND | {"max-group": "many"}},
                     "job.max-group: Invalid type. Expected: integer, given: string",
                     "at '/job/max-group': got string, want integer"),
            "range": ({"pods": 0}, "pods: Must be greater than or equal to 1",
                      "at '/pods': minimum: got 0, want 1"),
            "nested": ({"runs": {"s3": "s3://b/p", "claim": "x"}},
                       "runs: Additional property claim is not allowed",
                       "at '/runs': additional properties 'claim' not allowed"),
        }
        for program in HELMS:
            for name, (values, *sentences) in said.items():
                with self.subTest(name, helm=program):
                    error = self.refused({"job": FIND} | values, program=program)
                    self.assertTrue(any(sentence in error for sentence in sentences), error)

    def test_what_is_missing_is_said_with_what_to_do(self):
        run = {"run": "a-run"}
        said = [
            ({}, "job is empty"),
            ({"job": {"key": "cause", "keep": "any"}}, "set job.table or job.export"),
            ({"job": {"table": "t", "keep": "any"}}, "job.key is missing"),
            ({"job": {"table": "t", "key": "cause"}}, "job.keep is missing"),
            ({"job": {"verb": "apply", "max-delete": 9} | run}, "set confirm: true"),
            ({"job": {"verb": "undo"} | run}, "set confirm: true"),
            ({"job": {"verb": "apply"} | run, "confirm": True}, "set job.max-delete"),
            ({"job": {"verb": "dedup"} | FIND, "confirm": True}, "set job.max-delete"),
            ({"job": {"verb": "show"}}, "set job.run"),
            ({"job": FIND | {"yes": True}}, "job.yes is the chart's to give"),
            ({"job": FIND | run, "schedule": "@daily"}, "leave job.run out"),
            ({"job": FIND, "runs": {"s3": "s3://b/p", "existingClaim": "x"}}, "in one place"),
        ]
        errors = support.at_once(lambda each: self.refused(each[0]), said)
        for (values, sentence), error in zip(said, errors):
            with self.subTest(values):
                self.assertIn(sentence, error)

    def test_nothing_is_written_unless_confirmed_and_limited(self):
        """Each verb with every way to say yes, or nearly; past the schema as well."""
        confirms = ({}, {"confirm": False}, {"confirm": "false"}, {"confirm": "yes"},
                    {"confirm": 1}, {"confirm": True})
        limits = ({}, {"max-delete": 0}, {"max-delete": 9})
        words = ([], ["--skip-schema-validation"])
        combined = [*itertools.product(sorted(WRITING), confirms, limits, words),
                    *itertools.product(sorted(VERBS - WRITING), confirms[::5], limits, [[]])]

        def made(combination):
            verb, confirm, limit, more = combination
            job = FIND | {"verb": verb, "run": "a-run"} | limit
            return support.render({"job": job} | confirm, *more)

        written = 0
        for (verb, confirm, limit, more), result in zip(combined, support.at_once(made, combined)):
            if result.is_refused:
                continue
            with self.subTest(verb, confirm=confirm, limit=limit, words=more):
                may = verb in WRITING and confirm.get("confirm") is True and (
                    verb not in DELETING or limit.get("max-delete") == 9)
                self.assertEqual(may, "--yes" in result.container["args"])
                self.assertTrue(may or verb not in WRITING)
                self.assertNotIn("yes:", result.job_file)
                written += may
        self.assertEqual(4 + 5, written)  # past the schema also undo with a limit of 0

    def test_the_schema_and_the_values_have_the_same_keys(self):
        def keys(values, schema, path=""):
            fields = schema.get("properties")
            if fields is None or path == "job.":
                return
            expected = set(fields) - {"global"} if path == "" else set(fields)
            if path != "resources.":  # what Kubernetes has in it
                self.assertEqual(expected, set(values), path or "top level")
            self.assertIs(False, schema["additionalProperties"], path)
            for name in expected & set(values):
                keys(values[name], fields[name], f"{path}{name}.")

        with open(os.path.join(CHART, "values.yaml"), encoding="utf-8") as file:
            values = yaml.safe_load(file)
        with open(os.path.join(CHART, "values.schema.json"), encoding="utf-8") as file:
            keys(values, json.load(file))


if __name__ == "__main__":
    unittest.main()
