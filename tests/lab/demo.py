# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""What ./demo shows: the same probes of the same client, without icmpnatd, with it, and under its rules when it has
been killed."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

from . import sandbox
from .client import ANSWERED, learnt_mtu, traceroute, udp, upload
from .daemon import Daemon
from .network import DMZ_MTU, FAMILIES, Network
from .process import guard_of
from .traffic import Capture, addresses

PATIENCE = 1.0  # seconds after which a client gives up
COLUMNS = 31, 31, 0
WIDE = 33  # a column that may hold any cell
HOSTS = {"client": "cl", "router": "rt", "firewall": "fw", "dmz": "dz"}
HINTS = {
    "client": "traceroute -n 1.2.3.50     ping 1.2.3.20     tracepath -n 2001:db8:1::50",
    "router": "tcpdump -ni fwl icmp or icmp6",
    "firewall": "icmpnatctl stats     icmpnatctl watch     nft list ruleset",
    "dmz": "tcpdump -ni eth0",
}


@dataclass(frozen=True)
class Cell:
    """What one probe saw, and whether it is what a client should see."""
    text: str
    right: bool


def rejected(network, family):
    return answer_of(network, family.plain_rejected, family.public)


def answer_of(network, address, offender):
    """A datagram to a host that rejects it."""
    began = time.monotonic()
    reaction = udp(network.client, address, timeout=PATIENCE)
    took = 1000 * (time.monotonic() - began)
    if reaction.answer != "refused":
        return Cell(f"{reaction.answer} after {took / 1000:.0f} s", False)
    return Cell(f"refused by {reaction.offender} ({took:.0f} ms)", reaction.offender == offender)


def hop(network, family):
    """The firewall's line in a traceroute."""
    path = traceroute(network.client, family.plain)
    return Cell(path[1], path == [family.router, family.public, family.plain])


def large_upload(network, family):
    began = time.monotonic()
    reaction = upload(network.client, family.plain, 200_000, timeout=2 * PATIENCE)
    took, mtu = time.monotonic() - began, learnt_mtu(network.client, family.plain)
    if reaction != ANSWERED:
        return Cell(f"hangs, given up after {took:.0f} s", False)
    return Cell(f"completes in {1000 * took:.0f} ms, path MTU {mtu}", mtu == DMZ_MTU)


def stateless(network, family):
    return answer_of(network, family.stateless, family.public)


def quoted(network, family):
    """Which packet an error claims to be about, seen before the border could drop it."""
    with Capture(network.client, "eth0") as client, Capture(network.router, "fwl") as border:
        udp(network.client, family.stateless, timeout=PATIENCE)
        client.read()
        error, = border.errors(1)
    as_sent = any(error.quotes(packet) for packet in client.sent)
    return Cell(f"to {addresses(error.inner)[1]}" + (", as sent" if as_sent else ""), as_sent)


def nat_rejected(network, family):
    return answer_of(network, family.nat_rejected, family.nat_rejected)


def nat_open(network, family):
    reaction = udp(network.client, family.nat)
    return Cell(reaction.answer, reaction == ANSWERED)


PROBES = [
    ("packet to a rejected host", rejected),
    ("traceroute, the firewall's hop", hop),
    ("200 kB upload, smaller MTU", large_upload),
    ("packet to a stateless NAT host", stateless),
    ("  the error quotes a packet", quoted),
    ("packet to a rejected DNAT host", nat_rejected),
    ("packet to an open DNAT host", nat_open),
]
NEED_DAEMON = stateless, quoted  # no rule restores an inner packet
ROWS = [(family, title, probe) for family in FAMILIES for title, probe in PROBES]


class Screen:
    """Colours and a line of progress, where there is a terminal."""

    def __init__(self):
        self.tty = sys.stdout.isatty()
        self._colours = self.tty and "NO_COLOR" not in os.environ

    def paint(self, code, text):
        return f"\033[{code}m{text}\033[0m" if self._colours else text

    def progress(self, text):
        if self.tty:
            print(f"\r\033[K{text}", end="", flush=True)

    def note(self, text):
        self.progress("")
        print(text, flush=True)


def measure(network, screen, when):
    """All cells of a column."""
    if not screen.tty:
        screen.note(f"Measuring {when} ...")
    cells = []
    for number, (family, title, probe) in enumerate(ROWS, 1):
        screen.progress(f"Measuring {when}: {number} of {len(ROWS)}, IPv{family.version} {title.strip()} ...")
        network.forget()
        cells.append(probe(network, family))
    screen.progress("")
    return cells


def line(*texts):
    return " ".join(text.ljust(width) for text, width in zip(texts, COLUMNS)).rstrip()


def show(screen, before, after):
    """The first table; returns the number of wrong cells in its last column."""
    wrong = 0
    for number, (family, title, _) in enumerate(ROWS):
        if number % len(PROBES) == 0:
            print("\n" + screen.paint("1", line(f"IPv{family.version}", "before", "after")))
        was, now = before[number], after[number]
        wrong += not now.right
        print(line(title, "", "").ljust(COLUMNS[0]),
              screen.paint("0" if was.right else "33", was.text.ljust(COLUMNS[1])),
              screen.paint("32", now.text) if now.right else screen.paint("1;31", now.text + "  WRONG"))
    return wrong


def show_killed(screen, cells):
    """The second table, a column for each family; returns the number of cells that are wrong and need no daemon."""
    wrong = 0
    print("\n" + screen.paint("1", line("daemon killed", "IPv4".ljust(WIDE), "IPv6")))
    for (title, probe), *row in zip(PROBES, cells, cells[len(PROBES):]):
        failed = [not cell.right and probe not in NEED_DAEMON for cell in row]
        wrong += sum(failed)
        left, right = (screen.paint("1;31" if bad else "32" if cell.right else "33",
                                    (cell.text + "  WRONG" * bad).ljust(width))
                       for cell, bad, width in zip(row, failed, (WIDE, 0)))
        print(title.ljust(COLUMNS[0]), left, right)
    return wrong


def conclude(screen, wrong):
    """Says whether all is well; returns an exit status."""
    if wrong:
        print(screen.paint("1;31", f"{wrong} cells are wrong."))
    else:
        print(screen.paint("32", f"All {len(ROWS)} cells of the after column are right, and with the daemon killed all "
                                 "that need none."))
    return 1 if wrong else 0


def kill(daemon):
    """The guard first: it would tell of the crash."""
    os.kill(guard_of(daemon.process), signal.SIGKILL)
    daemon.kill()


def demonstrate():
    screen, network = Screen(), Network()
    before = measure(network, screen, "without icmpnatd")
    with Daemon(network, directory="/run/icmpnatd", kernel="auto") as daemon:
        after = measure(network, screen, "with icmpnatd")
        stats = daemon.ctl("stats").stdout
        kill(daemon)
        killed = measure(network, screen, "with the daemon killed")
    network.close()
    wrong = show(screen, before, after) + show_killed(screen, killed)
    print("\n" + screen.paint("1", "$ icmpnatctl stats") + "\n" + stats)
    return conclude(screen, wrong)


def shell(name):
    """An interactive shell in a host, while the daemon runs in the firewall."""
    network = Network()
    with Daemon(network, directory="/run/icmpnatd", kernel="auto"):
        print(f"You are in the {name}; leave with exit. Try:\n  {HINTS[name]}", flush=True)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        host = next(host for host in network.hosts if host.name == HOSTS[name])
        prompt = {**os.environ, "PS1": f"{name}# "}
        with host.here():
            subprocess.run(["bash", "--norc"], env=prompt,
                           preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    network.close()
    return 0


def main(arguments):
    try:
        sandbox.enter([sys.executable, "-B", "-m", "lab.demo", *arguments])
    except sandbox.Unavailable as reason:
        print(f"demo: {reason}", file=sys.stderr)
        return 1
    return shell(arguments[1]) if arguments else demonstrate()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
