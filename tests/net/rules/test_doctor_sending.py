# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""icmpnatctl doctor sees that the kernel cannot send errors, while that is so.

   client ==> datagrams ==> firewall:  the kernel's ICMP socket  ==> queue, which nobody reads
                                       full: OutErrors
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import threading

import pytest

from lab.client import wait_until
from lab.daemon import Daemon, Rules, kernel_has_nft_queue, pause, paused, program
from lab.network import V4
from lab.process import guard_of
from inspector import Holder, inspected
from patient import examination
from test_rule_counters import BURST, send

PROCESSOR = min(os.sched_getaffinity(0))


def examine(daemon, *before):
    """What it says of sending. The daemon, which may be stopped, is not asked."""
    done = daemon.host.run(*before, program("icmpnatctl"), "-s", "/nowhere", "doctor", "--json", "-c", daemon.path, check=False)
    return [f for f in examination(done) if f["check"] == "sending"]


def provoke(network, end):
    """More and more errors, by the one processor whose ICMP socket is full."""
    os.sched_setaffinity(0, {PROCESSOR})  # of this thread alone
    while not end.wait(0.005):
        send(network, 50)


def ping(network):
    """Many requests, by the same processor."""
    return network.client.start(["taskset", "-c", str(PROCESSOR), "ping", "-q", "-i", "0.002", "-c", "100000", V4.public],
                                stdout=subprocess.DEVNULL)


def fill(network):
    """More errors than the ICMP socket of one processor takes."""
    processors = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {PROCESSOR})
    send(network, BURST)
    os.sched_setaffinity(0, processors)


@contextlib.contextmanager
def provoked(network):
    """More and more errors come meanwhile."""
    end = threading.Event()
    provoker = threading.Thread(target=provoke, args=(network, end))
    provoker.start()
    try:
        yield
    finally:
        end.set()
        provoker.join()


def emptied(daemon):
    wait_until(lambda: daemon.stats()["kernel", "waiting"] == 0, "an empty queue")


@contextlib.contextmanager
def halted(daemon):
    """Neither the daemon nor its guard takes anything from the queue."""
    with paused(daemon.process.pid, guard_of(daemon.process)):
        yield
    emptied(daemon)


def follow(daemon, finding):
    """Runs its command, which finds the programs to be tested."""
    daemon.host.run(f"PATH={os.path.dirname(program('icmpnatd'))}:$PATH\n{finding['mend']}")


def direct_kind(host):
    """Rules that queue the errors themselves."""
    return "direct" if kernel_has_nft_queue(host) else "iptables-direct"


def test_errors_that_cannot_be_sent(network):
    """Replies that cannot are worth knowing only, and what could not be sent once is of no interest any more. Other rules
    make copies, which do not fill the socket."""
    daemon = Daemon(network)
    daemon.rules = Rules(network.firewall, daemon.path, kind=direct_kind(network.firewall))
    with daemon:
        with halted(daemon):
            fill(network)
            with ping(network) as pings:
                found = examine(daemon)
                pings.kill()
            assert [(f["check"], f["state"]) for f in found] == [("sending", "note")], found
            assert "replies to ping" in found[0]["sentence"]
            with provoked(network):
                finding, = examine(daemon)
            assert finding["state"] == "problem" and "errors in our queue, which are no copies" in finding["sentence"]
        assert daemon.stats()["host", "icmp-out-errors"] > 0
        assert [f["state"] for f in examine(daemon)] == ["ok"]
        follow(daemon, finding)
        with halted(daemon):
            fill(network)
            with provoked(network):
                assert [f["state"] for f in examine(daemon)] == ["ok"]


@pytest.fixture
def without_copies(tmp_path):
    """Programs before which nft and iptables seem to know nothing that copies."""
    for name, feature in ("nft", "dup to"), ("iptables-restore", "TEE"), ("ip6tables-restore", "TEE"):
        script = tmp_path / name
        script.write_text(f"""#!/bin/sh
            case "$name $*" in *-f*|*restore*) ;; *) exec {shutil.which(name)} "$@";; esac
            text=$(cat); case $text in *'{feature}'*) echo 'Not supported' >&2; exit 1;; esac
            echo "$text" | exec {shutil.which(name)} "$@" """.replace("$name", name))
        script.chmod(0o755)
    return "env", f"PATH={tmp_path}:{os.environ['PATH']}"


def test_where_no_rules_copy(network, without_copies):
    """There are no other rules, but a daemon that takes what comes: the service manager kills one that does not end."""
    daemon = Daemon(network)
    daemon.rules = Rules(network.firewall, daemon.path, kind=direct_kind(network.firewall))
    with daemon:
        guard = guard_of(daemon.process)
        for pid in guard, daemon.process.pid:
            pause(pid)
        fill(network)
        with provoked(network):
            finding, = examine(daemon, *without_copies)
        assert (finding["state"], finding["mend"]) == ("problem", "systemctl restart icmpnatd"), finding
        os.kill(guard, signal.SIGKILL)
        daemon.kill()
        daemon.start()
        assert [f["state"] for f in examine(daemon, *without_copies)] == ["ok"]


def test_queue_of_another_program(network):
    """Which takes nothing from it: what is shown tells that."""
    with Daemon(network) as daemon:
        with inspected(network.firewall, ("filter", "OUTPUT"), holder=Holder):
            fill(network)
            with provoked(network):
                finding, = examine(daemon)
            assert finding["state"] == "problem" and "what waits in another program's queue" in finding["sentence"]
            shown = daemon.host.run(finding["mend"]).stdout
            waiting = re.search(r"^ *5 +\d+ +(\d+)", shown, re.M)
            assert int(waiting[1]) > 100 and "qdisc" in shown, shown
        assert [f["state"] for f in examine(daemon)] == ["ok"]
