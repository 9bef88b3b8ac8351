# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Random errors under a random configuration, on the wire: what the rules make of them beside what the core does."""

import contextlib
import ipaddress
import os
import select
import socket
import subprocess
import tempfile
import time
from collections import Counter

from lab.client import ping
from lab.daemon import Rules, kernel_has_nft_queue, program
from lab.network import FAMILIES, V4
from lab.traffic import COPIES_MAY_BE_FRAGMENTED, ETHERNET, SO_RCVBUFFORCE, send_frames
from beside import helper

ERRORS = 600  # under each configuration
BATCH = 200   # on their way at once: less than any queue on it holds
FIREWALL_MAC = "02:00:00:00:00:05"  # towards the dmz
LINKS = [ipaddress.ip_interface(f"{address}/24") for address in (V4.firewall, V4.firewall_dmz)]
FIREWALLS_OWN = {address.packed for link in LINKS for address in (link.ip, link.network[0], link.network[-1])}
NOT_SEEN = "no-rules",
BY_KERNEL = {"outer": "outer", "may": "outer", "already-right": "untouched", "leaked-outer": "leaked-outer",
             "peer": "private-peer"}
QUOTED = {"both": "both", "inner": "inner", "may-both": "both", "may-inner": "inner", "may-leaked-outer": "leaked-outer"}
COUNTERS = "private-peer", "untouched", "outer", "both", "inner", "leaked-outer", "copied"


def seed():
    chosen = int(os.environ.get("SEED", time.time_ns() & 0xffffffff))
    print(f"seed {chosen} (SEED chooses another)")
    return chosen


def count(default=50000):
    return int(os.environ.get("PACKETS", default))


class Error:
    """One as it is emitted, and the core's answer."""

    def __init__(self, emitted, answer):
        self.emitted, self.answer = emitted, answer
        self.version = emitted[0] >> 4 if emitted else 0

    def destination(self):
        if self.version == 4:
            return socket.inet_ntop(socket.AF_INET, self.emitted[16:20]), 0
        return socket.inet_ntop(socket.AF_INET6, self.emitted[24:40]), 0


class Case(Error):
    """One of many, and what the rules must do."""

    def __init__(self, line):
        self.kind, self.why, *packets = line.split()
        super().__init__(*map(bytes.fromhex, packets))
        self.number = number(self.emitted)

    def by(self, left):
        """Which counter of the rules is to have counted it, seeing what has left; None: there is no right one."""
        if self.kind in NOT_SEEN:
            return self.kind if left == self.emitted else None
        copied = left == copy(self.emitted)
        if self.kind == "read" or self.kind.startswith("may") and copied:
            return "copied" if copied else None
        return {**BY_KERNEL, **QUOTED}.get(self.kind) if left == self.answer else None


def number(packet):
    """That of an error, which stands where no field of ICMP is."""
    if packet[0] >> 4 == 4:
        rest = (packet[0] & 15) * 4 + 4
        return packet[rest] << 16 | packet[rest + 2] << 8 | packet[rest + 3]
    rest = 44 if packet[6] == socket.IPPROTO_ICMPV6 else 52
    return int.from_bytes(packet[rest + 1:rest + 4], "big")


class Wire:
    """Emits errors in the firewall, and takes them at the border."""

    def __init__(self, network):
        assert all(ping(network.client, family.public) for family in FAMILIES)  # neighbours know each other
        with network.firewall.here():
            self._raw = {4: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW),
                         6: socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)}
        with network.router.here():
            self._border = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        with contextlib.suppress(PermissionError):  # a user's sandbox: a batch fits all the same
            self._border.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        self._border.bind(("fwl", 3))
        self._border.settimeout(0)

    def close(self):
        for one in self._border, *self._raw.values():
            one.close()

    def through(self, cases):
        """What leaves of these errors, as [(number, packet)], each as often as it does."""
        self._emit(cases)
        left, deadline = [], time.monotonic() + 30
        while len(left) < len(cases) and time.monotonic() < deadline:
            select.select([self._border], [], [], 0.1)
            left += self._arrived()
        return left

    def _emit(self, cases):
        for case in cases:
            with contextlib.suppress(PermissionError):  # a copy leaves in its place
                self._raw[case.version].sendto(case.emitted, case.destination())

    def _arrived(self):
        with contextlib.suppress(BlockingIOError):
            while True:
                frame, (_, _, kind, _, _) = self._border.recvfrom(4096)
                packet = frame[ETHERNET:]
                if kind != socket.PACKET_OUTGOING and is_error(packet):
                    yield number(packet), packet


class ForwardingWire(Wire):
    """Has the dmz host send them, so that the firewall forwards them as they were to be emitted."""

    def __init__(self, network):
        super().__init__(network)
        self._inside = network.dmz

    def _emit(self, cases):
        send_frames(self._inside, "eth0", FIREWALL_MAC, [one_hop_before(case.emitted) for case in cases])


def added_to_header(packet, offset, number):
    """An IPv4 packet with a word of its header raised (RFC 1624, equation 3, of the header's sum)."""
    packet = bytearray(packet)
    packet[offset:offset + 2] = (int.from_bytes(packet[offset:offset + 2], "big") + number).to_bytes(2, "big")
    total = (~int.from_bytes(packet[10:12], "big") & 0xffff) + number
    packet[10:12] = (~((total & 0xffff) + (total >> 16)) & 0xffff).to_bytes(2, "big")
    return bytes(packet)


def one_hop_before(packet):
    """As the last router has received it."""
    if packet[0] >> 4 == 6:
        return packet[:7] + bytes([packet[7] + 1]) + packet[8:]
    return added_to_header(packet, 8, 0x100)


def copy(packet):
    """What leaves as a copy of it."""
    if COPIES_MAY_BE_FRAGMENTED or packet[0] >> 4 == 6 or packet[6] & 0x40:
        return packet
    return added_to_header(packet, 6, 0x4000)


def is_forwarded(case):
    """No router forwards what has a source like this (martians, its own addresses and broadcasts among them; link-local,
    loopback and mapped ones of IPv6)."""
    if case.version == 4:
        return case.emitted[12] not in (0, 127) and case.emitted[12] < 224 and case.emitted[12:16] not in FIREWALLS_OWN
    return case.emitted[8] not in (0, 0xfe, 0xff)


def is_error(packet):
    if packet[0] >> 4 == 4:
        return packet[9] == socket.IPPROTO_ICMP and packet[(packet[0] & 15) * 4] in (3, 11, 12)
    if packet[0] >> 4 != 6:
        return False
    at = 40 if packet[6] == socket.IPPROTO_ICMPV6 else 48
    protocol = packet[6] if at == 40 else packet[40]
    return protocol == socket.IPPROTO_ICMPV6 and packet[at] in (1, 2, 3, 4)


class Firewall:
    """The firewall with nothing in it but the rules of one configuration after the other, and their counters."""

    def __init__(self, network):
        self.host, self.directory = network.firewall, tempfile.mkdtemp(prefix="same.", dir="/run")
        self.host.run("nft flush ruleset")
        self.kind = "nft" if kernel_has_nft_queue(self.host) else "mixed"
        self.path = self.directory + "/icmpnatd.conf"
        self.rules = Rules(self.host, self.path)

    def write(self, maps):
        for path, text in (self.path, maps.settings("maps")), (self.directory + "/maps", maps.table):
            with open(path, "w") as file:
                file.write(text)

    def configure(self, maps):
        self.write(maps)
        rules = self.host.run(program("icmpnatd"), "--config", self.path, "--print-rules=" + self.kind).stdout
        if self.kind == "mixed" and maps.mode == "audit":
            self.host.run("/bin/sh", "-", input=rules)
            return
        if self.kind == "mixed":  # iptables does nothing without a daemon
            rules = rules.partition("nft -f - <<'END'\n")[2].partition("END\n")[0]
        self.host.nft(rules)

    def load_listing(self):
        """As an administrator saves and loads a firewall."""
        file = self.directory + "/listing"
        self.host.run(f"nft list ruleset > {file}; nft flush ruleset; nft -f {file}")

    def errors(self, seed, count):
        done = subprocess.run([helper("rules/random_errors"), self.path, "eth0", str(seed), str(count)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return [Case(line) for line in done.stdout.splitlines()]


def assert_least(occurred, least):
    """Each of these has occurred at least so often."""
    assert {key: (occurred[key], n) for key, n in least.items() if occurred[key] < n} == {}


def once(left, context):
    """{number: packet}"""
    numbers = Counter(key for key, _ in left)
    assert max(numbers.values()) == 1, f"{context}: left more than once: {[n for n in numbers if numbers[n] > 1]}"
    return dict(left)


def compare(cases, left, context):
    """Counts the cases by kind, reason and what the rules must have counted; fails at the first one that did not leave
    as it must, once."""
    packets, counted = once(left, context), Counter()
    for case in cases:
        assert case.number in packets, f"{context}: {case.kind} ({case.why}) is lost: {case.emitted.hex()}"
        by = case.by(packets[case.number])
        assert by, (f"{context}: error {case.number}, {case.kind} ({case.why})\nemitted {case.emitted.hex()}\n"
                    f"left    {packets[case.number].hex()}\ncore    {case.answer.hex()}")
        counted.update([by, (case.kind, case.version), (case.kind, case.why), (case.kind, by)])
    return counted


def run(firewall, wire, maps, seed, context, chosen=lambda case: True):
    """One configuration, which is loaded; returns what compare() counts, which nft has counted, too."""
    firewall.configure(maps)
    if "listing" in context:
        firewall.load_listing()
    before, counted, cases = firewall.rules.counted(), Counter(), list(filter(chosen, firewall.errors(seed, ERRORS)))
    for first in range(0, len(cases), BATCH):
        batch = cases[first:first + BATCH]
        counted += compare(batch, wire.through(batch), context)
    seen = firewall.rules.counted() - before
    assert {name: seen[name] for name in COUNTERS} == {name: counted[name] for name in COUNTERS}, (context, seen, counted)
    assert seen["queued"] == seen["copied"], context
    assert sum(counted[name] for name in (*COUNTERS, *NOT_SEEN)) == len(cases)
    return cases, counted
