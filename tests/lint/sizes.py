"""Files stay small enough to be read, lines short enough for two columns of them."""
import sys

import lint

FILE_LINES = 600
LINE_COLUMNS = 100
TEXT = ("*.[ch]", "*.py", "*.cmake", "CMakeLists.txt")


def check(root):
    for path in lint.files(root, ["src", "include"]):
        n_lines = sum(1 for _ in path.open(encoding="utf-8", errors="replace"))
        if n_lines > FILE_LINES:
            yield lint.say(root, path, n_lines, f"{n_lines} lines, more than {FILE_LINES}")
    paths = [path for pattern in TEXT for path in lint.files(root, pattern=pattern)]
    for path in [*paths, *sorted(root.glob("CMakeLists.txt")), *lint.files(root, ["scripts"], "*")]:
        for number, line in lint.lines_of(path):
            if len(line) > LINE_COLUMNS:
                yield lint.say(root, path, number, f"{len(line)} columns, more than {LINE_COLUMNS}")


TREES = [
    ({"src/base/a.c": "int a;\n" * 601}, "601 lines"),
    ({"include/keepone/base/a.h": "\n" + "x" * 101 + "\n"}, "a.h:2: 101 columns"),
    ({"tests/e2e/a_test.py": "x" * 101}, "101 columns"),
    ({"scripts/test": "x" * 101}, "101 columns"),
    ({"src/base/a.c": "int a;\n" * 600, "tests/unit/base/a_test.c": "\u00fc" * 100}, None),
]

if __name__ == "__main__":
    sys.exit(lint.main(check, TREES))
