# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""icmpnatctl doctor sees that the kernel cannot send errors, while that is so.

   client ==> datagrams ==> firewall:  the kernel's ICMP socket  ==> queue, which nobody reads
                                       full: OutErrors
"""

import os
import subprocess
import threading

from lab.client import wait_until
from lab.daemon import Daemon, Rules, kernel_has_nft_queue, paused, program
from lab.network import V4
from lab.process import guard_of
from patient import examination
from test_rule_counters import BURST, send

PROCESSOR = min(os.sched_getaffinity(0))


def examine(daemon):
    """What it says of sending. The daemon, which may be stopped, is not asked."""
    done = daemon.host.run(program("icmpnatctl"), "-s", "/nowhere", "doctor", "--json", "-c", daemon.path, check=False)
    return [f for f in examination(done) if f["check"] == "sending"]


def provoke(network, end):
    """More and more errors."""
    while not end.wait(0.005):
        send(network, 50)


def ping(network):
    """Many requests, by the one processor whose ICMP socket is full."""
    return network.client.start(["taskset", "-c", str(PROCESSOR), "ping", "-q", "-i", "0.002", "-c", "100000", V4.public],
                                stdout=subprocess.DEVNULL)


def test_errors_that_cannot_be_sent(network):
    """Replies that cannot are worth knowing only, and what could not be sent once is of no interest any more."""
    queues = kernel_has_nft_queue(network.firewall)
    daemon = Daemon(network)
    daemon.rules = Rules(network.firewall, daemon.path, kind="direct" if queues else "iptables-direct")
    with daemon:
        processors, end = os.sched_getaffinity(0), threading.Event()
        with paused(daemon.process.pid, guard_of(daemon.process)):
            os.sched_setaffinity(0, {PROCESSOR})
            send(network, BURST)
            os.sched_setaffinity(0, processors)
            with ping(network) as pings:
                found = examine(daemon)
                pings.kill()
            assert [(f["check"], f["state"]) for f in found] == [("sending", "note")], found
            assert "replies to ping" in found[0]["sentence"]
            provoker = threading.Thread(target=provoke, args=(network, end))
            provoker.start()
            try:
                finding, = examine(daemon)
            finally:
                end.set()
                provoker.join()
            assert finding["state"] == "problem" and "errors in our queue, which are no copies" in finding["sentence"]
            assert f"--print-rules={'nft | nft -f -' if queues else 'mixed | sh'}" in finding["mend"]
        wait_until(lambda: daemon.stats()["kernel", "waiting"] == 0, "an empty queue")
        assert daemon.stats()["host", "icmp-out-errors"] > 0
        assert [f["state"] for f in examine(daemon)] == ["ok"]
