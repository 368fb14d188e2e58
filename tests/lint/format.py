"""Every C file is as clang-format 14 (Debian 12) leaves it.

Argument after the root: the program.  Other versions lay out differently, so they are refused.
"""
import re
import subprocess
import sys
from pathlib import Path

import lint

PROGRAM = sys.argv[2] if len(sys.argv) > 2 else "clang-format"
STYLE = Path(__file__).resolve().parents[2] / ".clang-format"
FAULT = re.compile(r"^(/.*?):(\d+):\d+: error: ", re.MULTILINE)


def version_fault():
    try:
        text = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True,
                              check=False).stdout
    except FileNotFoundError:
        return f"'{PROGRAM}' is not installed (Debian package clang-format)"
    return None if " version 14." in text else f"'{PROGRAM}' is not version 14: {text.strip()}"


def check(root):
    paths = [str(path) for path in lint.files(root)]
    done = subprocess.run([PROGRAM, "--dry-run", "-Werror", f"--style=file:{STYLE}", *paths],
                          capture_output=True, text=True, check=False)
    first = {name: int(number) for name, number in reversed(FAULT.findall(done.stderr))}
    for name, number in first.items():
        yield lint.say(root, Path(name), number, f"run clang-format -i {Path(name).name}")
    if done.returncode != 0 and not first:
        yield done.stderr.strip()


TREES = [
    ({"src/base/a.c": "int\na(void)\n{\n    return 1;\n}\n\nint b (void);\n"},
     "src/base/a.c:7: run clang-format"),
    ({"src/base/a.c": "int a(void) { return 1; }\n"}, "src/base/a.c:1: run clang-format"),
    ({"src/base/a.c": "int\na(void)\n{\n    return 1;\n}\n"}, None),
]

if __name__ == "__main__":
    missing = version_fault()
    if missing is not None:
        sys.exit(missing)
    sys.exit(lint.main(check, TREES))
