# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Each function of src/ has a name of its own, so that a debugger and a search find one place; statics, too. One that
other files use has a contract: a comment right above it.

Prints each name that two files define, and each function without a contract, and exits 1.
"""
import collections
import pathlib
import re
import sys

SOURCE = pathlib.Path(__file__).parent.parent / "src"
# The layout of the tree begins each definition at the margin.
DEFINITION = re.compile(r"^(?!extern|typedef|#|return)(?:\w[\w\s*]*?[\s*])(\w+)\([^;]*?\)\n\{", re.M)
# Each program has one.
PROGRAMS = {"main": {"daemon/main.c", "ctl/main.c"}}


def definitions():
    """{name: files that define it}"""
    found = collections.defaultdict(set)
    for path in sorted(SOURCE.rglob("*.[ch]")):
        for match in DEFINITION.finditer(path.read_text()):
            found[match[1]].add(path.relative_to(SOURCE).as_posix())
    return found


def without_contract():
    """Functions of a .c file that others use and that have no comment."""
    for path in sorted(SOURCE.rglob("*.c")):
        text = path.read_text()
        for match in DEFINITION.finditer(text):
            is_static = "static " in text[match.start():match.start(1)]
            if not is_static and not text[:match.start()].endswith("*/\n") and match[1] not in PROGRAMS:
                yield f"{path.relative_to(SOURCE)}: {match[1]}() has no contract"


found = definitions()
twice = {name: files for name, files in found.items() if len(files) > 1 and PROGRAMS.get(name) != files}
for name, files in sorted(twice.items()):
    print(f"{name}: {', '.join(sorted(files))}")
bare = list(without_contract())
print(*bare, sep="\n", end="\n" if bare else "")
if len(found) < 500:
    print(f"found {len(found)} functions only: the pattern does not fit the layout")
sys.exit(bool(twice or bare) or len(found) < 500)
