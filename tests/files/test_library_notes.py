# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""The program notes which libraries it loads at run time, as systemd's ELF_DLOPEN_METADATA has it: packagers' tools
make dependencies of that. Needs the daemon's path in ICMPNATD, and objcopy."""
import ctypes
import json
import os
import struct
import subprocess

import pytest

DAEMON = os.environ.get("ICMPNATD", "")
pytestmark = pytest.mark.skipif(not DAEMON, reason="ICMPNATD does not name the daemon")


def notes(path, section):
    subprocess.run(["objcopy", "--dump-section", f".note.dlopen={section}", path, "/dev/null"], check=True)
    octets, at = section.read_bytes(), 0
    while at < len(octets):
        owner, size, kind = struct.unpack_from("=III", octets, at)
        assert (owner, kind, octets[at + 12:at + 16]) == (4, 0x407c0c0a, b"FDO\0")
        yield from json.loads(octets[at + 16:at + 16 + size].rstrip(b"\0"))
        at += 16 + (size + 3) // 4 * 4


def test_what_is_loaded_is_noted(tmp_path):
    found = {note["feature"]: note for note in notes(DAEMON, tmp_path / "notes")}
    assert {name: note["priority"] for name, note in found.items()} == {"own-rules": "recommended", "explain": "suggested"}
    program = open(DAEMON, "rb").read()
    for note in found.values():
        (name,) = note["soname"]
        # It is there, and what dlopen() is given; a linker may make it the end of another string.
        assert ctypes.CDLL(name) and name.encode() + b"\0" in program
