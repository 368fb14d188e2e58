"""Each public header is a manual page and compiles alone.

Arguments after the root: the compiler and the flags of the build.
"""
import re
import subprocess
import sys

import lint

COMPILER = sys.argv[2:] or ["cc"]
TITLE = re.compile(r"/\*\n \* \S.*?\*/", re.DOTALL)
PROMISES = ("Thread use:", "MPI:")


def page_faults(path):
    title = TITLE.match(path.read_text(encoding="utf-8"))
    if title is None:
        return ["the header does not begin with its title comment"]
    return [f"the title comment has no '{promise}'" for promise in PROMISES
            if promise not in title[0]]


def compile_fault(root, path):
    """Included twice, so that the guard is tried too."""
    line = f'#include "{path.relative_to(root / "include")}"\n'
    command = [*COMPILER, "-fsyntax-only", "-std=c17", "-I", str(root / "include"), "-x", "c", "-"]
    done = subprocess.run(command, input=line * 2, text=True, capture_output=True, check=False)
    if done.returncode == 0:
        return []
    error = next((text for text in done.stderr.splitlines() if "error" in text), done.stderr)
    return [f"the header does not compile alone: {error}"]


def check(root):
    for path in lint.files(root, ["include"]):
        for fault in page_faults(path) + compile_fault(root, path):
            yield lint.say(root, path, 1, fault)


PAGE = "/*\n * Title.\n *\n * Thread use: any.  MPI: none.\n */\n"
GUARDED = PAGE + "#ifndef A_H\n#define A_H\n{}\n#endif\n"

TREES = [
    ({"include/keepone/base/a.h": GUARDED.format("uint64_t size(void);")}, "compile alone"),
    ({"include/keepone/base/a.h": PAGE + "struct a { int b; };\n"}, "compile alone"),
    ({"include/keepone/base/a.h": GUARDED.format("").replace(" MPI: none.", "")}, "no 'MPI:'"),
    ({"include/keepone/base/a.h": GUARDED.format("").replace("Thread use", "Use")}, "no 'Thread"),
    ({"include/keepone/base/a.h": "#ifndef A_H\n#define A_H\n#endif\n"}, "title comment"),
    ({"include/keepone/base/a.h": GUARDED.format("#include <stdint.h>\nuint64_t b(void);")}, None),
]

if __name__ == "__main__":
    sys.exit(lint.main(check, TREES))
