# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
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
CHANGES_ARE_LOST = "this kernel drops what is changed in the network of a user namespace (Linux 7.1 and later)"
SETUP = 'mount -t tmpfs tmpfs /run && mkdir /run/netns && exec "$@"'


class Unavailable(Exception):
    """Why no sandbox can be made here."""


def why_changes_are_lost(run):
    """Linux 7.1 and later drop every packet that is changed in a network namespace which belongs to a user
    namespace, and let no rule of nft change one. Returns that reason, if it is so where run, which takes
    arguments as subprocess.run() does, starts nft; else None."""
    probe = "table ip probe { chain c { ip saddr %s192.0.2.1; }; }"
    answers = [run("nft", "-c", "-f", "-", input=probe % verb, check=False).stderr for verb in ("", "set ")]
    return CHANGES_ARE_LOST if ["not permitted" in answer for answer in answers] == [False, True] else None


def run(*command, **options):
    return subprocess.run(command, stderr=subprocess.PIPE, text=True, **options)


def inside():
    return MARK in os.environ


def enter(command):
    """Replaces this process by command, run in a sandbox. Returns only if already inside, and of use there."""
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    if inside():
        # As process 1 of its namespace it would otherwise not see a polite kill.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        if why_changes_are_lost(run):
            raise Unavailable(CHANGES_ARE_LOST)
        return
    shell = [shutil.which("unshare"), *_options(), "sh", "-c", SETUP, "sh"]
    os.environ[MARK] = "1"
    sys.stdout.flush()
    os.execv(shell[0], shell + command)


def _options():
    candidates, reasons = [OPTIONS + ["--user", "--map-root-user"]], []
    if os.geteuid() == 0:
        candidates.insert(0, OPTIONS)
    for options in candidates:
        probe = subprocess.run(["unshare", *options, "mount", "-t", "tmpfs", "tmpfs", "/run"],
                               stderr=subprocess.PIPE, text=True)
        if probe.returncode == 0:
            return options
        reasons.append(probe.stderr.strip())
    raise Unavailable("no namespaces here: " + "; and in a user namespace: ".join(reasons))
