# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""packaging/release looks first whether all files are about the same version, and nothing is left to commit."""
import pathlib
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
GOOD = {
    "configure.ac": "AC_INIT([icmpnatd], [1.2.3], [somebody])\n",
    "NEWS": "icmpnatd 1.2.3, 2026-12-24\n",
    "packaging/debian/changelog": "icmpnatd (1.2.3-1) unstable; urgency=medium\n",
    "packaging/icmpnatd.spec": "Version:        1.2.3\n",
}


def git(directory, *arguments):
    subprocess.run(["git", "-C", directory, "-c", "user.name=n", "-c", "user.email=e@example.org", *arguments], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.fixture
def repository(tmp_path):
    if not shutil.which("git"):
        pytest.skip("git is not installed")
    for name, text in GOOD.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    shutil.copy(TOP / "packaging/release", tmp_path / "packaging")
    git(tmp_path, "init")
    commit(tmp_path)
    return tmp_path


def commit(directory):
    git(directory, "add", "-A")
    git(directory, "commit", "--allow-empty", "-m", "m")


def look(repository):
    done = subprocess.run([repository / "packaging/release", "--only-look"], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_ready(repository):
    assert look(repository) == (0, "version 1.2.3 is ready to be released\n")


@pytest.mark.parametrize("name, text, said", [
    ("configure.ac", "AC_INIT(x)\n", "configure.ac: AC_INIT names no version"),
    ("NEWS", "icmpnatd 1.2.3, not released yet\n", 'NEWS: write the day in place of "not released yet"'),
    ("NEWS", "icmpnatd 1.2.2, 2026-12-01\n", "NEWS: its first line is about another version than 1.2.3"),
    ("packaging/debian/changelog", "icmpnatd (1.2-1) unstable\n", "packaging/debian/changelog: its first entry is not 1.2.3"),
    ("packaging/icmpnatd.spec", "Version: 1.2\n", "packaging/icmpnatd.spec: Version is not 1.2.3")])
def test_another_version(repository, name, text, said):
    (repository / name).write_text(text)
    commit(repository)
    assert look(repository) == (1, f"release: {said}\n")


def test_something_to_commit(repository):
    (repository / "new").touch()
    assert look(repository) == (1, "release: commit first: ?? new\n")


def test_a_tag_that_is_there(repository):
    git(repository, "tag", "v1.2.3")
    assert look(repository) == (1, "release: there is a tag v1.2.3 already\n")
