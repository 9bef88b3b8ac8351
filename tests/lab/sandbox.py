# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a program in mount, network and process namespaces of its own: nothing that
it builds can reach the host's network, and all of it is gone when the program is,
however it ended. As a user, a user namespace makes it root in there."""

import os
import shutil
import signal
import subprocess
import sys

MARK = "ICMPNATD_SANDBOX"
OPTIONS = ["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
# Nothing below /run is the host's: network namespaces are mounted there by name.
SETUP = 'mount -t tmpfs tmpfs /run && mkdir /run/netns && exec "$@"'


class Unavailable(Exception):
    """Why no sandbox can be made here."""


def inside():
    return MARK in os.environ


def enter(command):
    """Replaces this process by command, run in a sandbox. Returns only if already inside."""
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    if inside():
        # As process 1 of its namespace it would otherwise not see a polite kill.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        return
    shell = [shutil.which("unshare"), *_options(), "sh", "-c", SETUP, "sh"]
    os.environ[MARK] = "1"
    sys.stdout.flush()
    os.execv(shell[0], shell + command)


def _options():
    candidates = [OPTIONS + ["--user", "--map-root-user"]]
    if os.geteuid() == 0:
        candidates.insert(0, OPTIONS)
    for options in candidates:
        probe = subprocess.run(["unshare", *options, "mount", "-t", "tmpfs", "tmpfs", "/run"],
                               stderr=subprocess.PIPE, text=True)
        if probe.returncode == 0:
            return options
    raise Unavailable("no namespaces here: " + probe.stderr.strip())
