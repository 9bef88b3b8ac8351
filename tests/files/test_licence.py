# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Every file says under which licence it is, and whose it is, or REUSE.toml says it for the file."""
import pathlib
import re
import shutil
import subprocess
import tomllib

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
LICENCE = "GPL-2.0-or-later"
LINES = [re.compile(rf"SPDX-License-Identifier: {re.escape(LICENCE)}( -->| \*/)?$"),
         re.compile(r"Copyright \(C\) 20\d\d(-20\d\d)? the icmpnatd authors( -->| \*/)?$")]
TEXTS = {"COPYING", f"LICENSES/{LICENCE}.txt"}


def repository():
    if not shutil.which("git"):
        pytest.skip("git is not installed")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=TOP, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("no git repository: a release also holds what autoconf made")
    return [name for name in listed.stdout.split("\0") if name and (TOP / name).exists()]


def annotated():
    """What REUSE.toml speaks of, as one pattern: * stays in a directory, ** does not."""
    def pattern(path):
        return re.escape(path).replace(r"\*\*", ".*").replace(r"\*", "[^/]*")

    annotations = tomllib.loads((TOP / "REUSE.toml").read_text())["annotations"]
    assert all(annotation["SPDX-License-Identifier"] == LICENCE for annotation in annotations)
    return re.compile("|".join(pattern(path) for annotation in annotations for path in annotation["path"]))


def says_it(name):
    head = (TOP / name).read_bytes()[:1000].decode(errors="replace").splitlines()[:6]
    return all(any(line.search(text) for text in head) for line in LINES)


def test_every_file_has_a_licence_and_an_owner():
    others = annotated()
    lacking = [name for name in repository() if name not in TEXTS and not others.fullmatch(name) and not says_it(name)]
    assert not lacking, (f"{', '.join(lacking)}: put \"SPDX-License-Identifier: {LICENCE}\" and "
                         f"\"Copyright (C) YEAR the icmpnatd authors\" into the first lines")


def test_the_licence_is_there():
    assert "GNU GENERAL PUBLIC LICENSE" in (TOP / "COPYING").read_text().splitlines()[0]
    assert {(TOP / name).read_text() for name in TEXTS} == {(TOP / "COPYING").read_text()}
