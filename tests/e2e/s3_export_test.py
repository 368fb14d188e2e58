"""Exports on S3 give what the same export in a folder gives, on two servers."""

import os
import unittest

import support  # noqa: F401
import keepone
import oracle
import s3_case
import s3_servers
import seed
from keepone import RULES


def digest_of(result):
    return result.json["plan_digest"]


class ExportCases:
    """On both servers."""

    n_empty = 2

    def items(self):
        items = seed.traps(n_random=60)
        return items + seed.repeats(items)

    def test_an_export_gives_the_plan_of_the_same_export_in_a_folder(self):
        items = self.items()
        made = self.new_export(items, n_files=7, n_empty=self.n_empty, n_members=2)
        place = self.new_place()
        self.upload(os.path.dirname(os.path.dirname(made.path)), place)
        rules = keepone.options(RULES)
        digests = {digest_of(self.run_ok("find", "--export", made.path, "--run", self.new_run(),
                                         "--json", *rules))}
        export_id = os.path.basename(made.path)
        for below, ranks in (("", 0), ("/AWSDynamoDB", 3), (f"/AWSDynamoDB/{export_id}/", 2)):
            folder = self.new_run()
            found = self.run_ok("find", "--export", place + below, "--run", folder, "--json",
                                *rules, ranks=ranks)
            self.check_verdict(folder, found.json["counts"], oracle.judge(items, RULES))
            digests.add(digest_of(found))
        self.assertEqual(1, len(digests))

    def test_little_memory_reads_files_again(self):
        diff = seed.space_diff(100_000)  # more rows than two ranks have room for in 12 MiB
        made = self.new_export(diff.items, n_files=4)
        place = self.new_place()
        self.upload(made.path, place)
        found = self.run_ok("find", "--export", place, "--run", place + "-run", "--json",
                            *keepone.options(RULES), "--memory", "12M", ranks=2).json
        self.assertEqual((diff.n_losers, diff.n_groups),
                         (found["counts"]["planned"], found["counts"]["keepers"]))
        self.assertGreater(found["claims_read_again"], 0)

    def test_what_is_wrong_with_an_export_is_said(self):
        made = self.new_export(self.items(), n_files=3)
        place = self.new_place()
        find = ["find", "--export", place, "--run", self.new_run(), *keepone.options(RULES)]
        self.check_error(keepone.run(*find), keepone.OPTION, "there is no export in", place)
        self.upload(made.path, place)
        name = next(name for name in self.keys(place) if name.startswith("data/"))
        key = self.key_of(place, name)
        content = self.s3.get(s3_case.BUCKET, key)
        self.s3.put(s3_case.BUCKET, key, content[:-9])
        self.check_error(keepone.run(*find, ranks=2), keepone.CORRUPT, name)
        self.s3.delete(s3_case.BUCKET, key)
        self.check_error(keepone.run(*find, ranks=2), keepone.CORRUPT, name, "is not there")


class ExportOnMoto(ExportCases, s3_case.S3Case):
    pass


class ExportOnS3rver(ExportCases, s3_case.S3Case):
    server_class = s3_servers.S3rver
    n_empty = 0  # it cuts the reply to a range of an object of no bytes


if __name__ == "__main__":
    unittest.main()
