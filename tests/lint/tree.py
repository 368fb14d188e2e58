"""The top level holds what the design names; no file tells of a machine or of unfinished work."""
import re
import sys

import lint

TOP = {"CMakeLists.txt", "Dockerfile", "README.md", "helm", "include", "jobs", "scripts", "src",
       "tests"}
BUILT = re.compile(r"build.*|__pycache__|.*\.tmp")  # as in .gitignore

# [x] keeps these lines from finding themselves.
MARKS = [
    (re.compile(r"(?<![\w.$)}])(/[w]ork/|/[r]oot/|/[h]ome/\w|/tmp/[b]\w)"),
     "a path of one machine"),
    (re.compile(r"\b(docker[.]io|ghcr[.]io|gcr[.]io|quay[.]io|registry[.][a-z]\S*\.[a-z]+|"
                r"npmjs[.](org|com)|pypi[.]org|(deb|snapshot)[.]debian[.]org|ecr[.]aws)\b"),
     "a registry's host name"),
    (re.compile(r"\b([T]ODO|[F]IXME|[X]XX)\b"), "a note about unfinished work"),
]


def texts(root):
    for top in sorted(root.iterdir()):
        if top.name == ".git" or BUILT.fullmatch(top.name):
            continue
        paths = [top] if top.is_file() else sorted(top.rglob("*"))
        yield from (path for path in paths if path.is_file() and "__pycache__" not in path.parts)


def check(root):
    for top in sorted(root.iterdir()):
        if top.name not in TOP and not top.name.startswith(".") and not BUILT.fullmatch(top.name):
            yield lint.say(root, top, 1, "does not belong at the top level")
    for path in texts(root):
        for number, line in lint.lines_of(path):
            for pattern, what in MARKS:
                match = pattern.search(line)
                if match is not None:
                    yield lint.say(root, path, number, f"{what}: '{match[1]}'")


TREES = [
    ({"notes/a": ""}, "notes:1: does not belong"),
    ({"src/base/a.c": "\n/* see /wor" + "k/x */"}, "src/base/a.c:2: a path of one machine"),
    ({"scripts/a": "cd /tm" + "p/build-x"}, "a path of one machine"),
    ({"helm/values.yaml": "image: ghcr" + ".io/a/b"}, "a registry's host name"),
    ({".ci/run": "npm --registry https://registry" + ".example.net/"}, "a registry's host name"),
    ({"src/base/a.c": "/* TO" + "DO: later */"}, "a note about unfinished work"),
    ({"README.md": "XX" + "X"}, "a note about unfinished work"),
    ({"README.md": "mktemp /tmp/x.XXXXXX", "CMakeLists.txt": "", "build-gcc/a": "FIX" + "ME",
      ".gitignore": "/build*/", "scripts/a": "$folder/work/x; network/root/x"}, None),
]

if __name__ == "__main__":
    sys.exit(lint.main(check, TREES))
