# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""The configuration that is installed does nothing until somebody edits it, and each of its lines is right. Needs the
daemon's path in ICMPNATD."""
import os
import pathlib
import re
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
DAEMON = os.environ.get("ICMPNATD", "")
SAMPLE = TOP / "etc/icmpnatd.conf"
pytestmark = pytest.mark.skipif(not DAEMON, reason="ICMPNATD does not name the daemon")


def check(path, *options):
    done = subprocess.run([DAEMON, *options, "--config", path], capture_output=True, text=True, timeout=20)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("options", [[], ["--check"]], ids=["start", "check"])
def test_as_it_is_installed_it_starts_nothing(options):
    """With the status after which systemd does not try again: a package can enable the unit."""
    status, said = check(SAMPLE, *options)
    assert status == 78 and re.fullmatch(r".*icmpnatd\.conf: outside is missing: expected .*\n", said)


def test_every_setting_in_it_can_be_used(tmp_path):
    """A # with a blank behind it begins a sentence, one without a setting."""
    (tmp_path / "maps").write_text("192.168.2.0/24 198.51.100.0/24\n")
    (tmp_path / "f").write_text(re.sub(r"^#(?![ #\n])", "", SAMPLE.read_text(), flags=re.M))
    assert check(tmp_path / "f", "--check") == (0, "configuration OK\n")
