# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""What a process is and has, as proc(5) shows it, and the guard that a daemon has as its child."""

import os
import subprocess


def guard_of(process):
    """The pid of the only child that a daemon has."""
    pid, = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=True).stdout.split()
    return int(pid)


def is_gone(pid):
    """True if there is no such process any more, or if only its exit status is left."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] in "XZ"
    except FileNotFoundError:
        return True


def descriptors(process):
    """The number of open ones."""
    return len(os.listdir(f"/proc/{process.pid}/fd"))


def status(pid, field):
    """The number that /proc/PID/status has under this name; of memory it is in kB."""
    with open(f"/proc/{pid}/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(field + ":"))


def resident(process):
    """The memory that is resident, in kB."""
    return status(process.pid, "VmRSS")
