# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Adds the totals of a JUnit report to the shell's counters: prints assignments for eval."""
import sys
import xml.etree.ElementTree as tree

suites = list(tree.parse(sys.argv[1]).getroot().iter("testsuite"))
total = {key: sum(int(s.get(key)) for s in suites) for key in ("tests", "errors", "failures", "skipped")}
bad = total["errors"] + total["failures"]
print(f"passed=$((passed + {total['tests'] - bad - total['skipped']}))")
print(f"failed=$((failed + {bad})) skipped=$((skipped + {total['skipped']}))")
