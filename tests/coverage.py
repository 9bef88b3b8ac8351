#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""What of src/core the unit tests do not reach: every line and every branch must be run, but for those
that no input can reach, which are listed here with the reason. Builds with gcov in build/coverage
(or in the directory given), runs the unit tests there, and exits 1 if anything is missing or if
something that is listed was reached."""
import collections
import json
import os
import pathlib
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
CORE = "src/core/"
NOT_OF_THE_CORE = {"test_config"}  # which measures time, too

# (file, line of source): (branches of it that nothing reaches, why)
UNREACHABLE = {
    (CORE + "translate.c", "if (!packet_quotes(inner, offset, 2) || memcmp(field, &port_be, 2) == 0)"):
        (1, "flow_tuple_read() gives no tuple of a packet whose ports or identifier are not quoted"),
    (CORE + "translate.c",
     "if (inner->fragment || !packet_quotes(inner, 8, 4) || inner->total_end < inner->transport + 12u)"):
        (1, "what is quoted (packet.end) never goes beyond what the header says (packet.total_end)"),
}


def run(*command, **keywords):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **keywords)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}:\n{done.stdout}")
    return done.stdout


def build(directory):
    """-O0: an optimizer joins and splits branches."""
    run("bash", "-c", '. tests/bootstrap.sh && build "$1" --enable-coverage CFLAGS="-O0 -g"', "bash", directory, cwd=TOP)
    run("make", "-s", "unit-tests", cwd=directory)


def run_tests(directory):
    """Without packets at random: what is reached must not depend on a seed."""
    for data in directory.rglob("*.gcda"):
        data.unlink()
    for program in sorted(directory.glob("tests/unit/test_*")):
        if program.is_file() and os.access(program, os.X_OK) and program.name not in NOT_OF_THE_CORE:
            run(program, env={**os.environ, "srcdir": str(TOP), "PACKETS": "0"}, cwd=directory)


def name_of(path, directory):
    path = (directory / path).resolve()
    return path.relative_to(TOP).as_posix() if path.is_relative_to(TOP) else str(path)


def counts(directory):
    """{(file, line number): [times run, [times each branch was taken]]}, over all that includes the file."""
    lines = collections.defaultdict(lambda: [0, []])
    for data in sorted([*(directory / CORE).glob("*.gcda"), *(directory / "tests/unit").glob("*.gcda")]):
        report = json.loads(run("gcov", "--json-format", "--stdout", "--branch-probabilities", data, cwd=directory))
        for file in report["files"]:
            name = name_of(file["file"], directory)
            if not name.startswith(CORE):
                continue
            for line in file["lines"]:
                add(lines[name, line["line_number"]], line)
    return lines


def add(known, line):
    taken = [branch["count"] for branch in line["branches"]]
    known[0] += line["count"]
    known[1] = [a + b for a, b in zip(known[1], taken)] if len(known[1]) == len(taken) else known[1] + taken


def source(name, number):
    return (TOP / name).read_text().splitlines()[number - 1].strip()


def missing(lines):
    """{(file, line of source): (line number, branches not taken)} of what was not reached in full."""
    found = {}
    for (name, number), (count, branches) in sorted(lines.items()):
        not_taken = sum(taken == 0 for taken in branches) if count else max(1, len(branches))
        if not_taken:
            found[name, source(name, number)] = number, not_taken
    return found


def breaches(found):
    for (name, text), (number, branches) in found.items():
        if UNREACHABLE.get((name, text), (0,))[0] != branches:
            yield f"{name}:{number}: {branches} not reached: {text}"
    for key in UNREACHABLE.keys() - found.keys():
        yield f"{key[0]}: listed as out of reach, but reached: {key[1]}"


def summary(lines):
    branches = [taken for _, line in lines.values() for taken in line]
    ran = sum(count > 0 for count, _ in lines.values())
    taken = sum(count > 0 for count in branches)
    return f"{CORE}: {ran} of {len(lines)} lines, {taken} of {len(branches)} branches"


def main(arguments):
    directory = pathlib.Path(arguments[0] if arguments else TOP / "build/coverage").resolve()
    build(directory)
    run_tests(directory)
    lines = counts(directory)
    found = list(breaches(missing(lines)))
    print("\n".join([*found, summary(lines)]))
    sys.exit(bool(found) or not lines)


if __name__ == "__main__":
    main(sys.argv[1:])
