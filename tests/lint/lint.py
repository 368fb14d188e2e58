"""What the lint rules share.

A rule is a script beside this one.  It has `check(root)`, which yields one sentence per offence,
and `TREES`, small trees of files with a part of the sentence each must bring (None: no offence).
A rule first proves on its trees that it can fail and can pass, then it looks at the repository:

    python3 tests/lint/<rule>.py ROOT [ARGUMENT...]

Exit codes: 0 nothing found, 1 offences (one line each), 2 the rule itself is broken.
"""
import re
import sys
import tempfile
from pathlib import Path

C_PARTS = ("src", "include", "tests")


def files(root, folders=C_PARTS, pattern="*.[ch]"):
    """The files below some folders of the tree, in a stable order."""
    for folder in folders:
        yield from sorted(path for path in (root / folder).rglob(pattern) if path.is_file())


def lines_of(path):
    """(number, line) of a text file; bytes that are no UTF-8 become marks."""
    return enumerate(path.read_text(encoding="utf-8", errors="replace").split("\n"), 1)


_NOT_CODE = re.compile(r"""/\*.*?\*/ | //[^\n]* | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'""",
                       re.VERBOSE | re.DOTALL)


def c_code(path):
    """The text of a C file with comments and literals blanked out, line numbers unchanged."""
    text = path.read_text(encoding="utf-8", errors="replace")
    return _NOT_CODE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def say(root, path, number, sentence):
    return f"{path.relative_to(root)}:{number}: {sentence}"


def _plant(root, tree):
    for name, text in tree.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _prove(check, trees):
    for tree, expected in trees:
        with tempfile.TemporaryDirectory() as folder:
            _plant(Path(folder), tree)
            found = list(check(Path(folder)))
        if expected is None and found:
            return f"a good tree is refused: {found[0]}"
        if expected is not None and not any(expected in sentence for sentence in found):
            return f"no sentence says '{expected}' on {sorted(tree)}; found: {found}"
    return None


def main(check, trees):
    broken = _prove(check, trees)
    if broken is not None:
        print(f"the rule is broken: {broken}", file=sys.stderr)
        return 2
    offences = list(check(Path(sys.argv[1]).resolve()))
    for sentence in offences:
        print(sentence, file=sys.stderr)
    return 1 if offences else 0
