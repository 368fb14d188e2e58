"""show tells what a run found, planned and did; plan makes smaller plans and refuses typos."""

import collections
import hashlib
import json
import os
import re
import subprocess
import unittest

import support  # noqa: F401
import dynamodb_local
import keepone
import oracle
import seed
from keepone import ALL, RULES

UNSAME = {name: text for name, text in RULES.items() if name != "same"}

def sizes_of(lines):
    """Groups of a plan by size as show names it."""
    n_losers = collections.Counter(json.dumps(line["key"]) for line in lines)
    names = collections.Counter()
    for n in n_losers.values():
        size = n + 1
        names["100+" if size >= 100 else "10-99" if size >= 10 else
              "5-9" if size >= 5 else str(size)] += 1
    return {name: names[name] for name in ("2", "3", "4", "5-9", "10-99", "100+")}, n_losers


def reading(text):
    """run.json of the same run before find was finished."""
    members = [line for line in text.splitlines() if not line.startswith(('"plan_digest"', '"sha'))]
    totals = {name: 0 for name in ("read", "folded", "filtered", "missing", "unique", "keepers",
                                   "planned", "review")}
    members = ['"state":"reading",' if line.startswith('"state"') else
               f'"totals":{keepone.compact(totals)},' if line.startswith('"totals"') else line
               for line in members[:-1]]
    before = "\n".join(members) + "\n"
    return f'{before}"sha256":"{hashlib.sha256(before.encode()).hexdigest()}"\n}}\n'


class Cases(keepone.ServerCase):
    @classmethod
    def setUpClass(cls):
        """One case alone needs a server, and starts it."""

    @classmethod
    def tearDownClass(cls):
        pass

    def start_server(self):
        self.server = dynamodb_local.Server()
        self.addCleanup(self.server.stop)
        self.db = self.server.client()

    def found(self, items=None, rules=None):
        """A run of an export: (run directory, verdict of the oracle)."""
        rules = rules or RULES
        items = items or seed.traps() + seed.repeats(seed.traps())
        folder = self.new_run()
        self.run_ok("find", "--export", self.new_export(items).path, "--run", folder,
                    *keepone.options(rules))
        return folder, oracle.judge(items, rules)

    def show(self, folder, *arguments, **how):
        return self.run_ok("show", folder, *arguments, **how).out

    def plan_lines(self, folder, name="plan"):
        return [json.loads(line) for line in keepone.plan_bytes(folder, name).splitlines()]

    def write(self, *lines):
        path = os.path.join(self.folder, self.new_name("ids"))
        with open(path, "w", encoding="utf-8") as out:
            out.writelines(line + "\n" for line in lines)
        return path

    def snapshot(self, folder):
        """Everything in the directory, but for the lease."""
        files = {}
        for place, _, names in os.walk(folder):
            for name in names:
                with open(os.path.join(place, name), "rb") as source:
                    files[os.path.join(place, name)] = source.read()
        return files

    def test_the_json_agrees_with_the_oracle_and_the_plan(self):
        folder, verdict = self.found()
        lines = self.plan_lines(folder)
        sizes, n_losers = sizes_of(lines)
        for ranks in (0, 3):
            shown = self.run_ok("show", folder, "--json", ranks=ranks).json
            self.check_counts(shown["counts"])
            self.assertEqual(verdict["counts"],
                             {name: shown["counts"][name] for name in verdict["counts"]})
            self.assertEqual(len(lines), shown["plan"]["lines"])
            self.assertEqual(sizes, shown["groups"]["sizes"])
            self.assertEqual(len(n_losers), shown["groups"]["n"])
            self.assertEqual([n for _, n in n_losers.most_common(5)],
                             [group["losers"] for group in shown["groups"]["largest"]])
            for group in shown["groups"]["largest"]:
                self.assertEqual(n_losers[json.dumps(group["key"])], group["losers"])
            reasons = collections.Counter(group["why"] for group in verdict["review"])
            self.assertEqual(reasons, collections.Counter(
                {name: n for name, n in shown["review"]["reasons"].items() if n}))
            self.assertEqual(len(verdict["review"]), shown["review"]["groups"])
            self.assertEqual("planned", shown["state"])
            self.assertEqual(len(lines), shown["ledger"]["left"])

    def test_the_json_is_canonical(self):
        folder, _ = self.found()
        text = self.show(folder, "--json")
        self.assertEqual(text, json.dumps(json.loads(text), sort_keys=True, ensure_ascii=False,
                                          separators=(",", ":")) + "\n")

    def test_differences_and_times_are_those_of_the_lines(self):
        folder, _ = self.found()
        lines = self.plan_lines(folder)
        shown = self.run_ok("show", folder, "--json").json
        differ = collections.Counter({name: 0 for name in lines[0]["keep"]["seen"]})
        gaps = []
        for line in lines:
            loser, keeper = line["delete"]["seen"], line["keep"]["seen"]
            differ.update(name for name in keeper if loser[name] != keeper[name])
            times = [oracle.time_of(seen["insertedAt"]) for seen in (loser, keeper)]
            if None not in times:
                gaps.append(abs(times[0] - times[1]) * 1_000_000 // 1)
        self.assertEqual(differ, shown["differences"])
        gaps.sort()
        told = shown["gaps"]["insertedAt"]
        self.assertEqual((len(gaps), len(lines) - len(gaps)), (told["lines"], told["without"]))
        self.assertEqual((gaps[0], gaps[-1]), (told["min_us"], told["max_us"]))
        median = gaps[(len(gaps) - 1) // 2]
        self.assertLessEqual(abs(told["median_us"] - median), median / 1000)

    def test_plan_and_review_are_streamed_as_they_are_stored(self):
        folder, _ = self.found()
        review = keepone.unpacked(os.path.join(folder, "review.jsonl.zst")).decode()
        for ranks in (0, 2):
            self.assertEqual(keepone.plan_bytes(folder).decode(),
                             self.show(folder, "--plan", ranks=ranks))
            self.assertEqual(review, self.show(folder, "--review", ranks=ranks))

    def test_the_report_says_what_a_person_asks(self):
        items = [{"pk": seed.S("a"), "sk": seed.N(i), "cause": seed.S("copied"),
                  "insertedAt": seed.S(f"2024-01-01T00:00:{i:02d}Z")} for i in range(12)]
        items += [{"pk": seed.S("b"), "sk": seed.N(i), "cause": seed.S("left"),
                   "insertedAt": seed.S("2024"), "provider": seed.S(f"p{i}")} for i in range(2)]
        folder, _ = self.found(items, RULES | {"keep": "oldest:insertedAt"})
        text = self.show(folder)
        for part in ("planned: nothing is deleted", "--key cause --keep oldest:insertedAt "
                     "--same provider", "space-diff", "11 lines in", "10-99 items",
                     'losers  {"cause":{"S":"copied"}}', "from 1.00 s to 11.0 s, median 6.00 s",
                     "* insertedAt", "and 9 more to delete", "keepone apply " + folder):
            self.assertIn(part, text)
        self.assertRegex(text, r"insertedAt +11 +100 %")
        self.assertRegex(text, r"provider +0 +0 %")
        self.assertRegex(text, r"same +1  items disagree")
        self.assertRegex(text, r'    sk +0 +1 +2\n')
        self.assertNotIn("\033", text)
        self.assertEqual([], [line for line in text.splitlines() if line != line.rstrip()])

    def test_samples_show_as_many_groups_as_asked_for(self):
        folder, verdict = self.found()
        n_groups = verdict["counts"]["keepers"]
        for n, shown in ((0, 0), (1, 1), (7, 7), (1000, n_groups)):
            text = self.show(folder, "--samples", n)
            numbers = [int(number) for number in re.findall(r"^  group ([0-9,]+): ", text, re.M)]
            self.assertEqual(shown, len(numbers))
            self.assertEqual(sorted(set(numbers)), numbers)
            if n == 7:
                self.assertLess(numbers[0], n_groups / 7 + 1)
                self.assertGreater(numbers[-1], n_groups * 6 / 7 - 1)

    def test_what_is_in_a_table_cannot_steer_a_terminal(self):
        items = [{"pk": seed.S(f"\u009b31m{i}\u007f"), "sk": seed.N(i),
                  "cause": seed.S("\u001b[2J\u0085"), "insertedAt": seed.S("2024-01-01")}
                 for i in range(2)]
        text = self.show(self.found(items, UNSAME)[0])
        self.assertEqual([], [c for c in text if ord(c) < 0x20 and c != "\n" or
                              0x7f <= ord(c) < 0xa0])

    def test_a_reader_that_has_seen_enough_is_no_error(self):
        diff = seed.space_diff(5000, repeated=0.9)
        folder, _ = self.found(diff.items)
        for arguments in (["--plan"], ["--json"], ["--samples", "1000"]):
            process = subprocess.Popen([keepone.PROGRAM, "show", folder, *arguments],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            process.stdout.read(1)
            process.stdout.close()
            self.assertEqual(b"", process.stderr.read())
            self.assertEqual(0, process.wait())
            process.stderr.close()

    def test_a_full_disk_is_an_error(self):
        folder, _ = self.found()
        with open("/dev/full", "wb") as full:
            result = subprocess.run([keepone.PROGRAM, "show", folder, "--plan"], stdout=full,
                                    stderr=subprocess.PIPE, check=False)
        self.assertEqual(keepone.IO, result.returncode)
        self.assertIn(b"cannot write to stdout", result.stderr)

    def test_show_writes_nothing(self):
        folder, _ = self.found()
        before = self.snapshot(folder)
        for arguments in ([], ["--plan"], ["--review"], ["--json"]):
            self.show(folder, *arguments, ranks=2)
        self.assertEqual(before, self.snapshot(folder))

    def test_an_edited_plan_is_corrupt(self):
        folder, _ = self.found()
        plan = os.path.join(folder, "plan")
        part = os.path.join(plan, sorted(name for name in os.listdir(plan) if "part" in name)[2])
        text = keepone.unpacked(part)
        for edited in (text.replace(b'"pk":{"S":"', b'"pk":{"S":"a', 1), text + text, b"{}\n"):
            subprocess.run(["zstd", "-q", "-f", "-o", part], input=edited, check=True)
            for arguments in ([], ["--json"], ["--plan"]):
                self.check_error(keepone.run("show", folder, *arguments), keepone.CORRUPT,
                                 os.path.basename(part))

    def test_an_edited_review_is_corrupt(self):
        folder, _ = self.found()
        review = os.path.join(folder, "review.jsonl.zst")
        for edited, part in ((b'{"reason":"no"}\n', "unknown reason 'no'"), (b"{}\n", "reason"),
                             (b"{", "line 1")):
            subprocess.run(["zstd", "-q", "-f", "-o", review], input=edited, check=True)
            self.check_error(keepone.run("show", folder), keepone.CORRUPT, "review.jsonl.zst",
                             part)

    def test_a_directory_without_a_run_is_refused(self):
        for verb in (["show"], ["plan", "--only", "x"]):
            self.check_error(keepone.run(*verb, self.folder), keepone.REFUSED, self.folder)
        self.assertEqual([], os.listdir(self.folder))

    def test_an_empty_plan_has_nothing_to_apply(self):
        items = [{"pk": seed.S("a"), "sk": seed.N(1), "cause": seed.S("x"),
                  "insertedAt": seed.S("2024-01-01"), "provider": seed.S("p")}]
        folder, _ = self.found(items)
        self.assertIn("nothing: the plan is empty", self.show(folder))
        self.assertEqual("", self.show(folder, "--plan"))
        shown = self.run_ok("show", folder, "--json").json
        self.assertEqual((0, {}), (shown["groups"]["n"], shown["differences"]))

    def test_a_smaller_plan_holds_exactly_what_was_chosen(self):
        folder, _ = self.found()
        lines = [line + "\n" for line in keepone.plan_bytes(folder).decode().split("\n")[:-1]]
        entries = [keepone.compact(json.loads(line)["delete"]["primary_key"]) for line in lines]
        out = self.run_ok("plan", folder, "--exclude", self.write(*entries[::3])).out
        expected = [line for i, line in enumerate(lines) if i % 3]
        self.assertEqual("".join(expected), keepone.plan_bytes(folder, "plan-2").decode())
        self.assertEqual("".join(expected), self.show(folder, "--plan"))
        self.assertIn(f"{len(expected)} of {len(lines)} lines", out)
        self.assertIn(os.path.join(folder, "plan-2"), out)
        self.assertIn(self.run_ok("show", folder, "--json").json["plan"]["digest"], out)
        self.assertIn(f"{len(expected)} lines in {folder}/plan-2, chosen from {len(lines)}",
                      self.show(folder))
        self.assertEqual("".join(lines), keepone.plan_bytes(folder).decode())

        self.run_ok("plan", folder, "--only", self.write(*entries[1:20:3], "", "  "), ranks=3)
        self.assertEqual("".join(lines[1:20:3]), self.show(folder, "--plan", ranks=2))

    def test_a_key_chooses_every_line_of_its_group(self):
        folder, _ = self.found()
        lines = self.plan_lines(folder)
        (key, n), = collections.Counter(json.dumps(line["key"]) for line in lines).most_common(1)
        self.assertGreater(n, 5)
        named = self.write('{ "key": %s }' % key)
        self.run_ok("plan", folder, "--only", named)
        self.assertEqual([line for line in lines if json.dumps(line["key"]) == key],
                         self.plan_lines(folder, "plan-2"))
        self.run_ok("plan", folder, "--exclude", named)
        self.assertEqual("", self.show(folder, "--plan"))

    def test_entries_may_be_written_in_any_way(self):
        items = [{"pk": seed.S("caf\u00e9/"), "sk": seed.N(i), "cause": seed.S("x"),
                  "insertedAt": seed.S(f"2024-01-0{i}")} for i in (1, 2, 3)]
        folder, _ = self.found(items, UNSAME)
        self.run_ok("plan", folder, "--only",
                    self.write('{"sk": {"N": "2.0"},"pk": {"S": "caf\\u00e9\\/"}}\r'))
        self.assertEqual(["2"], [line["delete"]["primary_key"]["sk"]["N"]
                                 for line in self.plan_lines(folder, "plan-2")])

    def test_a_file_that_names_something_else_changes_nothing(self):
        folder, _ = self.found()
        line = self.plan_lines(folder)[0]
        good = keepone.compact(line["delete"]["primary_key"])
        before = self.snapshot(folder)
        for bad, part in (
                (keepone.compact(line["keep"]["primary_key"]), "not in the plan"),
                ('{"pk":{"S":"nobody"},"sk":{"N":"1"}}', "not in the plan"),
                ('{"key":{"cause":{"S":"nothing"}}}', "not in the plan"),
                ('{"pk":{"S":"a"}}', "pk, sk"), ('{"pk":{"S":"a"},"SK":{"N":"1"}}', "pk, sk"),
                (keepone.compact(line), "byte"), ('{"pk":', "byte"), ('"a"', "byte"),
                ('{"pk":{"S":1},"sk":{"N":"1"}}', "byte")):
            path = self.write(good, "", bad)
            for option in ("--only", "--exclude"):
                result = keepone.run("plan", folder, option, path)
                self.check_error(result, keepone.OPTION, "line 3", path, part)
        for path in (self.write(), self.write("", " "), os.path.join(self.folder, "absent")):
            self.check_error(keepone.run("plan", folder, "--only", path), keepone.OPTION, path)
        self.assertEqual(before, self.snapshot(folder))

    def test_every_state_says_what_it_is_and_what_comes_next(self):
        self.start_server()
        table = self.new_table(seed.traps())
        items = self.db.scan_all(table)
        folder, _ = self.find_table(table, RULES)
        lines = keepone.plan_pairs(folder)
        gone = json.loads(lines[0]["delete"])
        self.db.delete(table, gone)
        self.run_ok("apply", folder, "--yes", *ALL, rc=keepone.DONE)
        n = len(lines)
        shown = self.run_ok("show", folder, "--json").json
        self.assertEqual("applied", shown["state"])
        self.check_ledger(shown["ledger"], planned=n, deleted=n - 1, gone=1)
        text = self.show(folder, ranks=2)
        self.assertRegex(text, rf"deleted +{n - 1:,}  by this run")
        self.assertIn(f"keepone verify {folder}", text)
        some = self.write(lines[1]["delete"])
        self.check_error(keepone.run("plan", folder, "--only", some), keepone.REFUSED, "applied")

        self.run_ok("undo", folder, "--yes")
        shown = self.run_ok("show", folder, "--json").json
        self.assertEqual(("undone", n - 1), (shown["state"], shown["ledger"]["restored"]))
        self.assertIn("accepts no apply", self.show(folder))
        self.check_table(table, keepone.texts(item for item in items
                                              if {"pk": item["pk"], "sk": item["sk"]} != gone))

    def test_a_run_that_is_still_reading_says_so(self):
        folder, _ = self.found()
        path = os.path.join(folder, "run.json")
        with open(path, encoding="utf-8") as source:
            text = source.read()
        with open(path, "w", encoding="utf-8") as out:
            out.write(reading(text))
        self.assertIn("find is not finished", self.show(folder))
        self.assertEqual("reading", self.run_ok("show", folder, "--json").json["state"])
        for arguments in (["--plan"], ["--review"]):
            self.check_error(keepone.run("show", folder, *arguments), keepone.REFUSED)
        self.check_error(keepone.run("plan", folder, "--only", self.write("x")), keepone.REFUSED,
                         "reading")

    def test_runs_are_listed_with_their_state(self):
        names = ("planned", "reading", "broken", "not-a-run")
        base = self.new_run()
        made = self.new_export(seed.traps())
        for name in names[:3]:
            self.run_ok("find", "--export", made.path, "--run", os.path.join(base, name),
                        *keepone.options(RULES))
        os.mkdir(os.path.join(base, names[3]))
        with open(os.path.join(base, "a-file"), "w", encoding="utf-8"):
            pass
        for name, edit in (("reading", reading), ("broken", str.upper)):
            path = os.path.join(base, name, "run.json")
            with open(path, encoding="utf-8") as source:
                text = source.read()
            with open(path, "w", encoding="utf-8") as out:
                out.write(edit(text))
        listed = self.run_ok("runs", base, ranks=2)
        self.assertEqual(["STATE", "planned", "reading"],
                         [line.split()[0] for line in listed.out.splitlines()])
        self.assertIn(os.path.join(base, "broken"), listed.err)
        runs = self.run_ok("runs", base, "--json").json["runs"]
        self.assertEqual([os.path.join(base, name) for name in names[:2]],
                         [run["run"] for run in runs])
        unfinished = self.run_ok("runs", base, "--unfinished", "--json").json["runs"]
        self.assertEqual(["reading"], [run["state"] for run in unfinished])
        dedup = ["--export", made.path, "--run", os.path.join(base, "dedup"), "--max-delete", 1,
                 *keepone.options(RULES)]
        self.run_ok("dedup", *dedup)  # a plan was all it should make
        again = self.run_ok("runs", base, "--unfinished", "--json").json["runs"]
        self.assertEqual(unfinished, again)
        dedup[3] += "-yes"
        self.run_ok("dedup", *dedup, "--yes", rc=keepone.REFUSED)  # by its limit
        self.assertEqual(["dedup-yes", "reading"], [
            os.path.basename(run["run"])
            for run in self.run_ok("runs", base, "--unfinished", "--json").json["runs"]])
        self.check_error(keepone.run("runs", os.path.join(base, "x")), keepone.IO, "x")
        self.check_error(keepone.run("runs"), keepone.OPTION, "needs a folder")


if __name__ == "__main__":
    unittest.main()
