# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""The daemon shows the kernel's counters: of its own queue, even where other programs have bound hundreds of queues; of
the capture rules, whoever has loaded them; of what this host could not send."""
import contextlib
import json
import pathlib
import socket
import struct
import subprocess

import pytest

from conftest import KERNEL_COUNTERS, counters

NETLINK_NETFILTER = 12
QUEUE_CONFIG, REQUEST_ACK = 3 << 8 | 2, 1 | 4
BIND = 1
OURS, THEIRS = 15, range(1000, 1200)  # the kernel lists them by number modulo 16, the oldest last


@contextlib.contextmanager
def bound(numbers):
    """Queues that another program has bound."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as s:
        s.bind((0, 0))
        for number in numbers:
            command = struct.pack("=BBH", 0, 0, socket.htons(number)) + struct.pack("=HHBBH", 8, 1, BIND, 0, 0)
            s.send(struct.pack("=IHHII", 16 + len(command), QUEUE_CONFIG, REQUEST_ACK, 1, 0) + command)
            assert struct.unpack_from("=i", s.recv(4096), 16)[0] == 0
        yield


@pytest.mark.skipif(not KERNEL_COUNTERS, reason="their file is for the host's root only")
def test_among_many_queues(stopped):
    stopped.configure(more=f"queue = {{ number = {OURS}; }};")
    stopped.start()
    alone = counters(stopped)
    assert ("kernel", "id-sequence", str(OURS)) in alone
    with bound(THEIRS):
        with open("/proc/net/netfilter/nfnetlink_queue", "rb", buffering=0) as file:
            assert not [line for line in file.read(1 << 16).split(b"\n") if line.split()[:1] == [b"%d" % OURS]]
        assert counters(stopped) == alone


# --- the rules


@contextlib.contextmanager
def tables(**counters):
    """Tables ip and ip6, and others of that name, with counters."""
    def text(family, name, packets):
        return f"add counter {family} icmpnatd {name} {{ packets {packets} bytes 0 ; }}\n"

    families = "ip", "ip6", "inet"
    script = "".join(f"add table {family} icmpnatd\n" for family in families)
    script += "".join(text(family, name, n) for family in families for name, n in counters.get(family, {}).items())
    subprocess.run(["nft", "-f", "-"], input=script, text=True, check=True)
    try:
        yield
    finally:
        subprocess.run(["nft", "".join(f"delete table {family} icmpnatd\n" for family in families)], check=True)


def rules(daemon):
    return {tuple(row[1:3]): int(row[3]) for row in daemon.ask("stats") if row[0] == "rules"}


def test_rules_of_both_families(daemon):
    """Also of an interface that is no longer outside, and of one whose name nft does not take as it is."""
    assert rules(daemon) == {}
    with tables(ip={"outer.lo": 5, "untouched.lo": 2, "outer.wan.100": 1, "copied.a/b": 7},
                ip6={"outer.lo": 2**40}, inet={"outer.lo": 100}):
        assert rules(daemon) == {
            ("untouched", "lo"): 2, ("untouched", "wan.100"): 0, ("untouched", "a@b"): 0,
            ("outer", "lo"): 2**40 + 5, ("outer", "wan.100"): 1, ("outer", "a@b"): 0,
            ("copied", "lo"): 0, ("copied", "wan.100"): 0, ("copied", "a@b"): 7}
        shown = json.loads(daemon.ctl("stats", "--json").stdout)["counters"]
        assert {"group": "rules", "name": "outer", "fate": "rewritten", "value": 2**40 + 6,
                "interfaces": {"lo": 2**40 + 5, "wan.100": 1, "a@b": 0}} in shown
    assert rules(daemon) == {}


def test_counters_that_are_not_the_rules(daemon):
    """What somebody adds to the tables of external rules."""
    with tables(ip={name: 1 for name in ("outer", "out.lo", "outers.lo", "mine.outer.lo", "outer." + "x" * 16)}):
        assert rules(daemon) == {}


def test_counters_of_many_interfaces(daemon):
    """More than are shown: a client takes 64."""
    with tables(ip={f"outer.ppp{n}": 1 for n in range(300)}):
        assert len(rules(daemon)) == 64
        assert daemon.ctl("stats").returncode == 0


# --- the host


def test_what_the_host_could_not_send(daemon):
    names, values = (line.split() for line in pathlib.Path("/proc/net/snmp").read_text().splitlines()
                     if line.startswith("Icmp: "))
    now = counters(daemon)
    assert now["host", "icmp-out-errors", "-"] == int(dict(zip(names, values))["OutErrors"])
    assert ("host", "icmp6-out-errors", "-") in now
