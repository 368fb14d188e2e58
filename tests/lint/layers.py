"""An include may only point down, and each library has one folder that may see it."""
import re
import sys

import lint

LEVELS = {"base": 0, "format": 1, "record": 2, "store": 3, "aws": 3, "comm": 3, "stage": 4,
          "job": 5, "command": 6}

# Which folder of src may include the headers of a library.
LIBRARIES = {"mpi.h": "comm", "curl/": "aws", "expat.h": "aws", "openssl/": "format",
             "isa-l": "format", "xxhash.h": "format", "zstd.h": "format", "yaml.h": "job",
             "utf8proc.h": "record"}

# C17, POSIX and Linux: free for all.
SYSTEM = """ctype dirent arm_neon endian errno fcntl float immintrin inttypes limits math poll
    sched signal spawn stdalign stdarg stdbool stddef stdint stdio stdlib string strings sys/
    termios time unistd sanitizer/asan_interface""".split()

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def is_of(header, names):
    return any(header == name or header == f"{name}.h" or name.endswith(("/", "isa-l")) and
               header.startswith(name) for name in names)


def of_library(module, is_public, header):
    for name, home in LIBRARIES.items():
        if is_of(header, [name]):
            if is_public:
                return f"a public header shows <{header}>"
            return None if module == home else f"<{header}> belongs to src/{home} alone"
    return None if is_of(header, SYSTEM) else f"<{header}> is no header this repository knows"


def of_module(module, header):
    parts = header.split("/")
    if len(parts) != 3 or parts[1] not in LEVELS:
        return f'"{header}" is not "keepone/<module>/<name>.h"'
    if parts[1] != module and LEVELS[parts[1]] >= LEVELS[module]:
        return f'{module} includes "{header}", which is not below it'
    return None


def of_include(path, module, is_public, quote, header):
    if quote == "<":
        return of_library(module, is_public, header)
    if header.startswith("keepone/"):
        return of_module(module, header)
    if is_public:
        return f'a public header includes the private "{header}"'
    if "/" in header or not (path.parent / header).is_file():
        return f'"{header}" is no private header of src/{module}'
    return None


def check(root):
    for top in ("src", "include/keepone"):
        for path in lint.files(root, [top]):
            module = path.relative_to(root / top).parts[0]
            if module not in LEVELS:
                yield lint.say(root, path, 1, f"'{module}' is no module with a layer")
                continue
            for number, line in lint.lines_of(path):
                match = INCLUDE.match(line)
                if match is None:
                    continue
                fault = of_include(path, module, top != "src", match[1], match[2])
                if fault is not None:
                    yield lint.say(root, path, number, fault)
    for path in lint.files(root, ["tests"]):
        for number, line in lint.lines_of(path):
            match = INCLUDE.match(line)
            if match and match[1] == '"' and ("_priv.h" in match[2] or "src/" in match[2]):
                yield lint.say(root, path, number, f'a test includes the private "{match[2]}"')


TREES = [
    ({"src/store/a.c": '#include "keepone/stage/find.h"\n'}, "which is not below it"),
    ({"src/aws/a.c": '#include "keepone/store/run.h"\n'}, "src/aws/a.c:1: aws includes"),
    ({"include/keepone/base/a.h": '#include "keepone/format/json.h"\n'}, "base includes"),
    ({"src/stage/a.c": "\n#include <mpi.h>\n"}, "src/stage/a.c:2: <mpi.h> belongs to src/comm"),
    ({"src/aws/a.c": "#include <openssl/evp.h>\n"}, "belongs to src/format"),
    ({"src/store/a.c": "#include <isa-l/crc.h>\n"}, "belongs to src/format"),
    ({"src/store/a.c": "#include <libpq-fe.h>\n"}, "is no header this repository knows"),
    ({"include/keepone/comm/a.h": "#include <mpi.h>\n"}, "a public header shows <mpi.h>"),
    ({"include/keepone/comm/a.h": '#include "a_priv.h"\n'}, "includes the private"),
    ({"src/aws/a.c": '#include "b_priv.h"\n', "src/comm/b_priv.h": ""}, "is no private header"),
    ({"src/aws/a.c": '#include "../comm/b_priv.h"\n', "src/comm/b_priv.h": ""}, "no private"),
    ({"src/misc/a.c": ""}, "'misc' is no module"),
    ({"tests/unit/aws/a_test.c": '#include "../../../src/aws/b_priv.h"\n'}, "a test includes"),
    ({"src/comm/a.c": '#include "b_priv.h"\n#include <mpi.h>\n#include <sys/stat.h>\n'
                      '#include "keepone/comm/c.h"\n#include "keepone/record/d.h"\n',
      "src/comm/b_priv.h": "#include <stdint.h>\n",
      "include/keepone/comm/c.h": '#include "keepone/base/error.h"\n'}, None),
]

if __name__ == "__main__":
    sys.exit(lint.main(check, TREES))
