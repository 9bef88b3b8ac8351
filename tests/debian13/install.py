# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Does what the README's Install says, to the letter, in a machine that boots the systemd of another root, in which
nothing was installed; it ends with a unit that works, and is there after the next boot.

Usage: install.py ROOT SOURCE. ROOT has in apt's cache what is installed, for the machine has no network. Exit status 77:
no machine can be booted here."""

import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from lab.machine import Machine, Unavailable, can_hold_rules  # noqa: E402

PLACE = "usr/local/src/icmpnatd"
# Who types nothing: apt-get asks nothing, and the editor writes this.
EDITOR = """#!/bin/sh
cat >"$1" <<'END'
outside = [ "lo" ];
maps = ( { private = "192.168.42.1"; public = "198.51.100.1"; } );
END
"""
APT = 'APT::Get::Assume-Yes "true";\n'


def commands():
    """Those of the README for Debian."""
    section = (pathlib.Path(__file__).resolve().parents[2] / "README.md").read_text().split("\n## Install\n")[1]
    lines = re.findall(r"^    (.*)$", section.split("\n## ")[0], re.MULTILINE)
    return [line for line in lines if not line.startswith(("#", "dnf "))]


def install(source):
    def put(root):
        shutil.copytree(source, root / PLACE)
        for path, text, mode in ("usr/local/bin/editor", EDITOR, 0o755), ("etc/apt/apt.conf.d/99test", APT, 0o644):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
            (root / path).chmod(mode)
    return put


def follow(machine):
    """The last of the commands says whether it works: 3, where the kernel lets the daemon hold no rules."""
    expected = 0 if can_hold_rules() else 3
    script = " &&\n".join([f"cd /{PLACE}", *commands()])
    done = machine.run("sh", "-c", script, check=False, timeout=1200)
    print(done.stdout[-4000:], done.stderr[-4000:], f"exit status {done.returncode}", sep="\n")
    assert done.returncode == expected, "the commands failed"
    shown = machine.show("icmpnatd", "ActiveState", "UnitFileState", "StatusText")
    assert shown == {"ActiveState": "active", "UnitFileState": "enabled",
                     "StatusText": "queue 0, workers: 1, maps: 1"}, shown
    assert "maps:           1, " in done.stdout


def main(root, source):
    try:
        machine = Machine(install(source), root)
    except Unavailable as reason:
        print(reason)
        return 77
    try:
        follow(machine)
    finally:
        machine.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
