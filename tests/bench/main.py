# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""The benchmark's command line: see tests/bench/run."""

import argparse
import sys

from lab import sandbox

from . import report
from .figures import FIGURES, Effort
from .stage import Stage


def parse(arguments):
    parser = argparse.ArgumentParser(prog="tests/bench/run", description="Measures icmpnatd and what "
                                     "one might take in its place. BASELINE=PROGRAM adds another build of icmpnatd. "
                                     "See doc/performance.md.", epilog="tests/bench/run --plot measures nothing, "
                                     "and draws doc/performance-*.svg from the tables in there.")
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help="of: " + ", ".join(FIGURES))
    parser.add_argument("--quick", action="store_true", help="small numbers, few rounds: for development")
    parser.add_argument("--rounds", type=int, help="default: 15, quick: 3")
    parser.add_argument("--json", default="build/bench.json", metavar="FILE", help="default: %(default)s")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.figures if name not in FIGURES]
    if unknown:
        parser.error(f"no such figure: {', '.join(unknown)}; there are {', '.join(FIGURES)}")
    options.rounds = options.rounds or (3 if options.quick else 15)
    return options


def measure(names, effort):
    """All figures and their targets; a table is shown as soon as it is there."""
    figures, targets, stage = {}, [], Stage()
    try:
        for name in names:
            figures[name], more = FIGURES[name](stage, effort)
            targets += more
            figures[name].print()
            sys.stdout.flush()
    finally:
        stage.close()
    return figures, targets


def main():
    options = parse(sys.argv[1:])
    try:
        sandbox.enter([sys.executable, "-B", "-m", "bench.main", *sys.argv[1:]])
    except sandbox.Unavailable as reason:
        sys.exit(f"bench: {reason}")
    before = report.machine()
    print(f"{before['processors']} x {before['processor']}, Linux {before['kernel']}, "
          f"load {before['load']:.1f}; {options.rounds} rounds: median [quartiles]", flush=True)
    figures, targets = measure(options.figures or FIGURES, Effort(options.rounds, options.quick))
    noisy = [line for figure in figures.values() for line in figure.noisy()]
    print("\nTargets")
    print("\n".join([t.line() for t in targets] + ["too noisy to mean anything: " + line for line in noisy]))
    report.write_json(options.json, options.rounds, before, figures, targets)
    print(f"\nAll values: {options.json}")
    return 1 if noisy or any(t.verdict != "pass" for t in targets) else 0


if __name__ == "__main__":
    sys.exit(main())
