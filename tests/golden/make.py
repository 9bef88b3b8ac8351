#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Writes the golden packets beside itself; --check: says which of them are not what it would write."""
import pathlib
import sys
import textwrap

sys.dont_write_bytecode = True
import extensions
import flows
import headers
import npt
import outcomes
import peers
import protocols

HERE = pathlib.Path(__file__).resolve().parent
ROOMS = protocols, headers, npt, flows, extensions, peers, outcomes


def dump(data):
    """Lines of 16 bytes in groups of 4."""
    lines = [data[at:at + 16].hex(" ", -4) for at in range(0, len(data), 16)]
    return "".join(f"  {line}\n" for line in lines)


def text_of(golden):
    head = "".join(f"# {line}\n" for line in textwrap.wrap(golden.sentence, 100))
    head += "".join(f"map: {line}\n" for line in golden.maps)
    head += f"flow: {golden.flow}\nextensions: {golden.extensions}\n"
    if golden.lookup != "auto":
        head += f"lookup: {golden.lookup}\n"
    if golden.private_peers != "auto":
        head += f"private_peers: {golden.private_peers}\n"
    if golden.leaves != "outside":
        head += f"leaves: {golden.leaves}\n"
    expected = dump(golden.expected) if golden.expected != golden.input else "  same\n"
    return f"{head}input:\n{dump(golden.input)}expected:\n{expected}outcome: {golden.outcome}\n"


def all_files():
    """{name: text}; two of one name are a mistake."""
    files = {}
    for room in ROOMS:
        for golden in room.goldens():
            name = golden.name + ".txt"
            if name in files:
                raise SystemExit(f"{name}: there are two")
            files[name] = text_of(golden)
    return files


def differences(files):
    present = {path.name: path.read_text() for path in HERE.glob("*.txt")}
    for name in sorted(present.keys() | files.keys()):
        if name not in present:
            yield f"{name}: missing"
        elif name not in files:
            yield f"{name}: nothing makes it"
        elif files[name] != present[name]:
            yield f"{name}: is not what make.py makes"


def write(files):
    for path in HERE.glob("*.txt"):
        if path.name not in files:
            path.unlink()
    for name, text in files.items():
        (HERE / name).write_text(text)


def main(arguments):
    if arguments not in ([], ["--check"]):
        sys.exit(f"usage: {sys.argv[0]} [--check]")
    files = all_files()
    if not arguments:
        return write(files)
    found = list(differences(files))
    print("\n".join(found) if found else f"{len(files)} golden packets are what make.py makes")
    sys.exit(bool(found))


if __name__ == "__main__":
    main(sys.argv[1:])
