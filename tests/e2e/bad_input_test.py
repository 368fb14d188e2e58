"""Bad input: one clear error that names file and line, its exit code, and nothing written."""

import glob
import os
import unittest

import support  # noqa: F401
import export
import keepone
import seed

RULES = {"key": "cause", "keep": "oldest:insertedAt", "primary_key": "pk,sk"}

# break: (exit code, words of the message); {file} and {line} are those that were broken.
BROKEN = {
    "cut": (keepone.CORRUPT, ["{file}"]),
    "crc": (keepone.CORRUPT, ["{file}"]),
    "md5": (keepone.CORRUPT, ["{file}", "MD5"]),
    "missing_file": (keepone.CORRUPT, ["{file}", "manifest-files.json"]),
    "json": (keepone.CORRUPT, ["{file}", "line {line}"]),
    "utf8": (keepone.CORRUPT, ["{file}", "line {line}"]),
    "tag": (keepone.CORRUPT, ["{file}", "line {line}"]),
    "not_item": (keepone.CORRUPT, ["{file}", "line {line}"]),
    "no_key": (keepone.OPTION, ["{file}", "line {line}", "pk"]),
    "count": (keepone.CORRUPT, ["{file}"]),
    "total": (keepone.CORRUPT, ["manifest-summary.json"]),
    "summary_checksum": (keepone.CORRUPT, ["manifest-summary.json"]),
    "files_checksum": (keepone.CORRUPT, ["manifest-files.json"]),
    "summary_json": (keepone.CORRUPT, ["manifest-summary.json"]),
    "no_summary": (keepone.OPTION, ["manifest-summary.json"]),
    "ion": (keepone.OPTION, ["ION"]),
    "incremental": (keepone.OPTION, ["INCREMENTAL_EXPORT"]),
}

# find's arguments besides the rules: (arguments, exit code, words of message or hint)
WRONG = [
    (["--ky", "cause"], keepone.OPTION, ["--ky", "--key"]),
    (["--keep", "oldst:insertedAt"], keepone.OPTION, ["oldst"]),
    (["--keep", ""], keepone.OPTION, ["keep"]),
    (["--key", "cause:lowr"], keepone.OPTION, ["lowr"]),
    (["--key", "cause["], keepone.OPTION, ["cause["]),
    (["--max-group", "many"], keepone.OPTION, ["max-group", "many"]),
    (["--missing-key", "maybe"], keepone.OPTION, ["maybe"]),
    (["--where", 'status = "old"'], keepone.OPTION, ["where"]),
    (["--primary-key", "pk,nope"], keepone.OPTION, ["nope"]),
    (["--primary-key", "a,b,c"], keepone.OPTION, ["primary-key"]),
    (["--export", "/nonexistent"], keepone.OPTION, ["/nonexistent"]),
    (["--memory", "12Q"], keepone.OPTION, ["memory"]),
]

# A job file: (text, exit code, words)
JOBS = [
    ("verb: find\nexport: {path}\nkye: cause\nkeep: any\nrun: {run}\n", keepone.OPTION,
     ["job.yaml:3", "kye", "key"]),
    ("verb: find\nexport: {path}\nkey: cause\nkeep: oldst:x\nprimary-key: pk\n"
     "run: {run}\n", keepone.OPTION, ["job.yaml:4", "oldst"]),
    ("verb: find\nexport: [\n", keepone.OPTION, ["job.yaml"]),
    ("verb: fnd\n", keepone.OPTION, ["fnd", "find"]),
]


def filled(words, made):
    name = os.path.basename(made.bad_file or "")
    return [word.format(file=name, line=made.bad_line) for word in words]


class Cases(keepone.Case):
    items = seed.traps()

    def check_nothing_written(self, folder):
        left = [name for _, _, names in os.walk(folder) for name in names]
        self.assertNotIn("manifest.json", left)
        self.assertEqual([], [name for name in left if name.startswith("part-")])

    def find(self, path, *arguments, ranks=0, is_good=False):
        folder = self.new_run()
        result = keepone.run("find", "--export", path, "--run", folder,
                             *keepone.options(RULES), *arguments, ranks=ranks)
        if not is_good:
            self.check_nothing_written(folder)
        return result

    def test_a_broken_export_is_named(self):
        for broken, (rc, words) in BROKEN.items():
            made = self.new_export(self.items, broken=broken)
            with self.subTest(broken, what=export.BREAKS[broken]):
                self.check_error(self.find(made.path), rc, *filled(words, made))

    def test_a_broken_export_is_named_once_for_all_ranks(self):
        for broken in ("cut", "json", "count", "summary_checksum"):
            made = self.new_export(self.items, broken=broken, n_files=6)
            with self.subTest(broken):
                rc, words = BROKEN[broken]
                self.check_error(self.find(made.path, ranks=4), rc, *filled(words, made))

    def test_without_md5_gzip_and_counts_still_guard(self):
        for broken in ("cut", "crc", "count", "total", "json"):
            made = self.new_export(self.items, broken=broken)
            with self.subTest(broken):
                self.assertEqual(keepone.CORRUPT, self.find(made.path, "--no-md5").rc)

    def test_without_md5_a_wrong_md5_is_no_matter(self):
        made = self.new_export(self.items, broken="md5")
        self.assertEqual(keepone.DONE, self.find(made.path, "--no-md5", is_good=True).rc)

    def test_checksums_may_be_hex(self):
        made = self.new_export(self.items, hex_checksums=True, prefix="some/prefix/")
        self.assertEqual(keepone.DONE, self.find(made.path, is_good=True).rc)

    def test_wrong_options_are_named(self):
        made = self.new_export(self.items)
        for arguments, rc, words in WRONG:
            given = {arguments[0].lstrip("-").replace("-", "_")}
            rules = {name: text for name, text in RULES.items() if name not in given}
            source = [] if "export" in given else ["--export", made.path]
            folder = self.new_run()
            with self.subTest(" ".join(arguments)):
                result = keepone.run("find", *source, "--run", folder,
                                     *keepone.options(rules), *arguments)
                self.check_error(result, rc)
                for word in words:
                    self.assertIn(word, result.err)
                self.check_nothing_written(folder)

    def test_missing_options_are_named(self):
        made = self.new_export(self.items)
        for without in ("key", "keep", "primary_key"):
            rules = {name: text for name, text in RULES.items() if name != without}
            result = keepone.run("find", "--export", made.path, "--run", self.new_run(),
                                 *keepone.options(rules))
            self.check_error(result, keepone.OPTION)
            self.assertIn("--" + without.replace("_", "-"), result.err)

    def test_wrong_job_files_are_named_with_their_line(self):
        made = self.new_export(self.items)
        job = os.path.join(self.folder, "job.yaml")
        for text, rc, words in JOBS:
            folder = self.new_run()
            with open(job, "w", encoding="utf-8") as out:
                out.write(text.format(path=made.path, run=folder))
            for arguments in ([job], [job, "--check"]):
                with self.subTest(text.splitlines()[-1], arguments=arguments[1:]):
                    result = keepone.run("run", *arguments)
                    self.check_error(result, rc)
                    for word in words:
                        self.assertIn(word, result.err)
                    self.check_nothing_written(folder)

    def test_the_job_files_of_the_repository_are_good(self):
        jobs = sorted(glob.glob(os.path.join(keepone.ROOT, "jobs", "*.yaml")))
        self.assertNotEqual([], jobs)
        for job in jobs:
            self.run_ok("run", job, "--check")

    def test_unknown_verbs_get_a_suggestion(self):
        result = keepone.run("aply", self.new_run())
        self.check_error(result, keepone.OPTION, "aply")
        self.assertIn("apply", result.err)

    def test_a_run_that_is_not_there_is_named(self):
        folder = self.new_run()
        for verb in ("show", "apply", "verify", "undo"):
            result = keepone.run(verb, folder, *(["--yes"] if verb in ("apply", "undo") else []))
            self.assertEqual(keepone.REFUSED, result.rc, str(result))
            self.assertIn(folder, result.err)

    def test_a_full_disk_is_named_and_the_same_command_goes_on(self):
        made = self.new_export(self.items)
        folder = self.new_run()
        find = ["find", "--export", made.path, "--run", folder, *keepone.options(RULES)]
        for file_bytes in (100, 1500):
            result = keepone.run(*find, file_bytes=file_bytes)
            self.check_error(result, keepone.IO, folder)
            self.check_nothing_written(folder)
        self.run_ok(*find)

    def test_a_result_that_cannot_be_written_is_a_failure(self):
        made = self.new_export(self.items)
        with open("/dev/full", "w", encoding="utf-8") as full:
            for verb in (["find", "--export", made.path, "--run", self.new_run(), "--json",
                          *keepone.options(RULES)], ["runs", self.folder], ["--help=schema"]):
                result = keepone.run(*verb, stdout=full)
                self.check_error(result, keepone.IO, "cannot write the result to stdout")

    def test_a_typo_in_the_name_of_the_ttl_is_named(self):
        made = self.new_export(self.items)
        result = keepone.run("find", "--export", made.path, "--run", self.new_run(),
                             *keepone.options(RULES), "--ttl", "expires")
        self.check_error(result, keepone.OPTION, "--ttl: no item of", "'expires'")

    def test_a_run_directory_that_the_ranks_do_not_share_is_refused(self):
        made = self.new_export(self.items)
        places = [os.path.join(self.folder, name) for name in ("here", "there")]
        for place in places:
            os.mkdir(place)
        result = keepone.run("find", "--export", made.path, "--run", "run", *keepone.options(RULES),
                             places=places)
        self.check_error(result, keepone.REFUSED, "run")
        for place in places:
            self.check_nothing_written(place)


if __name__ == "__main__":
    unittest.main()
