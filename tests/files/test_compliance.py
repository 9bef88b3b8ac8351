# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Every test that doc/compliance.md and doc/promise.md name exists, and every requirement names one."""

import pathlib
import re

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
ROWS = [line.strip("| ").split(" | ") for page in ("compliance", "promise")
        for line in (TOP / f"doc/{page}.md").read_text().splitlines()
        if line.startswith("| ") and not line.startswith(("| requirement", "| event", "| fault"))]


def exists(name):
    kind, _, rest = name.partition("/")
    if kind == "golden":
        return (TOP / "tests/golden" / (rest + ".txt")).is_file()
    if kind == "unit":
        file, _, function = rest.partition(":")
        text = (TOP / "tests/unit" / file).read_text()
        return f"cmocka_unit_test({function})" in text
    file, _, function = rest.partition("::")
    path = TOP / "tests" / kind / file
    return path.is_file() and (not function or f"def {function}(" in path.read_text())


def test_there_are_requirements():
    assert len(ROWS) > 60


@pytest.mark.parametrize("row", ROWS, ids=lambda row: re.sub(r"[^\w .-]", "", row[0])[:50])
def test_named_tests_exist(row):
    requirement, answer, tests = row
    names = re.findall(r"`([^`]+)`", tests)
    assert names, f"no test for: {requirement}"
    assert [name for name in names if not exists(name)] == []


def test_conntrack_is_only_read():
    """Of all that ctnetlink offers, the source names nothing but the question for one entry."""
    used = {name for path in (TOP / "src").rglob("*.[ch]")
            for name in re.findall(r"IPCTNL_MSG_\w+|NFCT_Q_\w+|nfct_(?:query|send|open)\w*", path.read_text())}
    assert used == {"IPCTNL_MSG_CT_GET"}
