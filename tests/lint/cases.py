"""Every test that is written is a test that ctest runs.

ctest finds the files by folder and name, and the cases as CMake's ko_cases() does: CASE(name) at
the start of a line.  A case it would not find, or a test that no CASE names, is an offence.
"""
import re
import sys

import lint

FILE = re.compile(r"tests/(unit/[a-z0-9]+|mpi)/[a-z0-9_]+_test\.c")
CASE = re.compile(r"\bCASE\((\w+)\)")
FOUND = re.compile(r"CASE\(([a-z0-9_]+)\)")
BODY = re.compile(r"^static void\n(\w+)\((?:void|struct ko_world \*world, struct ko_error \*err)\)",
                  re.MULTILINE)


def found_by_ctest(code):
    for line in code.split("\n"):
        if re.match(r" *CASE\([a-z0-9_]+\)", line):
            yield from FOUND.findall(line)


def faults(name, code):
    if FILE.fullmatch(name) is None:
        yield "ctest looks for tests/unit/<module>/<name>_test.c and tests/mpi/<name>_test.c"
    written = CASE.findall(code)
    if not written:
        yield "no CASE(...)"
    found = list(found_by_ctest(code))
    for case in sorted(set(written) - set(found)):
        yield f"ctest does not find CASE({case}): it needs a line of its own, in lower case"
    for case in sorted({case for case in written if written.count(case) > 1}):
        yield f"CASE({case}) is there twice"
    for body in BODY.findall(code):
        if len(re.findall(rf"\b{body}\b", code)) == 1:
            yield f"no CASE names {body}"


def check(root):
    for path in lint.files(root, ["tests"], "*_test.c"):
        for fault in faults(str(path.relative_to(root)), lint.c_code(path)):
            yield lint.say(root, path, 1, fault)


BODY_A = "static void\na_is_b(void)\n{\n}\n"

TREES = [
    ({"tests/unit/base/a_test.c": BODY_A + "CASES = { CASE(a_is_b) };\n"}, "does not find"),
    ({"tests/unit/base/a_test.c": BODY_A + "    CASE(A_is_b),\n"}, "does not find CASE(A_is_b)"),
    ({"tests/unit/base/a_test.c": BODY_A + "    CASE(a_is_b),\n    CASE(a_is_b),\n"}, "twice"),
    ({"tests/unit/base/a_test.c": BODY_A + "    CASE(c_is_d),\n"}, "no CASE names a_is_b"),
    ({"tests/unit/base/a_test.c": BODY_A + "/* CASE(a_is_b) */\n"}, "no CASE(...)"),
    ({"tests/mpi/deep/a_test.c": BODY_A + "    CASE(a_is_b),\n"}, "ctest looks for"),
    ({"tests/mpi/a_test.c": BODY_A + "    CASE(a_is_b), CASE(c_is_d),\n"}, None),
]

if __name__ == "__main__":
    sys.exit(lint.main(check, TREES))
