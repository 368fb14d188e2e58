"""Functions that must not be called, and macros that hide a jump."""
import re
import sys

import lint


def calls(names):
    """A call of one of the functions; `->free(` and `.free(` are members, not functions."""
    return re.compile(rf"(?<![\w.])(?<!->)({'|'.join(names.split())})\s*\(")


EVERYWHERE = calls("sprintf vsprintf strcpy strcat strncpy strtok atoi atol atoll gets gmtime "
                   "localtime alloca")
MEMORY = calls("malloc calloc realloc free strdup strndup asprintf vasprintf")
ENDING = calls("exit _exit _Exit quick_exit abort setjmp longjmp")
JUMP = re.compile(r"\b(goto|return|break|continue|longjmp)\b")
MACRO = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)((?:[^\n]*\\\n)*[^\n]*)", re.MULTILINE)

# Where a banned call is right, and why.
ALLOWED = {
    ("src/base/error.c", "_exit"): "a broken promise without a handler must not go on",
    ("src/comm/world.c", "_exit"): "MPI_Abort has come back; nothing else is left",
}
ALLOWED_MACROS = {
    "KO_TRY": "on failure go to done, the house's one hidden jump",
    "KO_STOP_LOOP": "the whole body of two functions that differ in their instruction set",
}


def rules_of(name):
    """(pattern, what to do instead) for a file."""
    yield EVERYWHERE, "use the helpers of base and the bounded or reentrant functions"
    if not name.startswith("tests/") and name != "src/base/mem.c":
        yield MEMORY, "memory comes from ko_alloc() and goes to ko_free()"
    if not name.startswith("tests/") and name != "src/command/main.c":
        yield ENDING, "return an error; only main.c ends the program"


def check(root):
    for path in lint.files(root):
        name = str(path.relative_to(root))
        code = lint.c_code(path)
        for pattern, advice in rules_of(name):
            for match in pattern.finditer(code):
                if (name, match[1]) not in ALLOWED:
                    number = code.count("\n", 0, match.start()) + 1
                    yield lint.say(root, path, number, f"{match[1]}() is banned: {advice}")
        if name.startswith("tests/"):
            continue
        for match in MACRO.finditer(code):
            if match[1] not in ALLOWED_MACROS and JUMP.search(match[2]):
                number = code.count("\n", 0, match.start()) + 1
                yield lint.say(root, path, number, f"the macro {match[1]} hides a jump")


TREES = [
    ({"src/job/a.c": "\nint n = atoi(text);\n"}, "src/job/a.c:2: atoi() is banned"),
    ({"tests/unit/job/a_test.c": "strcpy (a, b);\n"}, "strcpy() is banned"),
    ({"src/job/a.c": "t = gmtime(&now);\n"}, "gmtime() is banned"),
    ({"src/job/a.c": "free(p);\n"}, "free() is banned"),
    ({"include/keepone/job/a.h": "p = (char *) malloc(1);\n"}, "malloc() is banned"),
    ({"src/job/a.c": "exit(1);\n"}, "exit() is banned"),
    ({"src/comm/world.c": "abort();\n"}, "abort() is banned"),
    ({"src/job/a.c": "setjmp(place);\n"}, "setjmp() is banned"),
    ({"src/job/a.c": "#define TRY(x) \\\n    if (x) \\\n    break\n"}, "TRY hides a jump"),
    ({"src/job/a.c": "/* free(p) */ ops->free(p); ops.free(p); ko_free(p); s = \"exit(1)\";\n"
                     "t = gmtime_r(&now, &u);\n", "src/base/mem.c": "free(p);\n",
      "src/command/main.c": "exit(1);\n", "src/base/error.c": "_exit(70);\n",
      "include/keepone/base/error.h": "#define KO_TRY(c) \\\n    if (c) \\\n    goto done\n"},
     None),
]

if __name__ == "__main__":
    sys.exit(lint.main(check, TREES))
