"""Cases on large exports: made before (make_export.c of tests/bench), or while they are read
(stub_export.c)."""

import os
import subprocess

import dynamodb_local
import keepone

PROGRAM = os.path.join(os.path.dirname(keepone.PROGRAM), "tests", "stub_export")
MAKE_EXPORT = os.path.join(os.path.dirname(PROGRAM), "make_export")
GROUP_ITEMS = 20  # of so many one is a copy
MIB = 1 << 20
PROGRAM_BYTES = 48 * MIB  # of a rank, besides what --memory counts: libraries, MPI, connections
RULES = ["--primary-key", "pk", "--key", "cause", "--keep", "oldest:insertedAt", "--no-md5"]
DIFF_RULES = ["--primary-key", "pk,sk", "--key", "cause", "--keep", "oldest:insertedAt",
              "--max-group", "0", "--no-md5"]


class LargeCase(keepone.Case):
    def new_server(self, n_items):
        """The options and the environment to find in an export of so many items."""
        server = subprocess.Popen([PROGRAM, str(n_items)], stdout=subprocess.PIPE, text=True,
                                  preexec_fn=dynamodb_local.die_with_parent)
        self.addCleanup(server.communicate)
        self.addCleanup(server.terminate)
        port = int(server.stdout.readline())
        return (["--export", "s3://exports/AWSDynamoDB/made", *RULES],
                {"AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{port}"})

    def made_export(self, n_items, kind):
        """The options and the environment to find in files like space-diff's."""
        folder = os.path.join(self.folder, self.new_name("export"))
        subprocess.run([MAKE_EXPORT, folder, str(n_items), kind], stdout=subprocess.DEVNULL,
                       check=True)
        return ["--export", folder, *DIFF_RULES], {}

    def find(self, server, ranks, mib, *options, **how):
        """A find with so much memory per rank; returns its result."""
        source, environment = server
        environment = environment | how.pop("env", {})
        return keepone.run("find", *source, "--run", self.new_run(), "--memory", f"{mib}M",
                           "--json", *options, ranks=ranks, env=environment, **how)

    def check_find(self, n_items, ranks, result, mib=None):
        """The counts are right, and no more memory was used than given; returns the digest."""
        self.assertEqual(keepone.DONE, result.rc, str(result))
        report = result.json
        n_copies = n_items // GROUP_ITEMS
        expected = {"read": n_items, "planned": n_copies, "keepers": n_copies,
                    "unique": n_items - 2 * n_copies, "review": 0, "missing": 0, "folded": 0}
        self.assertEqual(expected, {name: report["counts"][name] for name in expected})
        if mib is not None:
            self.assertLess(report["peak_bytes"], ranks * (mib * MIB + PROGRAM_BYTES))
        return report["plan_digest"]
