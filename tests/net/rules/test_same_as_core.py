# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""The rules give an error the same source as the core would: random errors under random maps leave the firewall with
the core's bytes where the kernel must do its part, and as they were emitted where nothing is to be done or the daemon
must read them. No daemon runs, so that what the rules leave to it leaves as it is.

   random_errors ----> firewall's raw socket, or the dmz host ----> rules ----> border (listening here)
         |  SEED repeats a run, PACKETS says how many errors                        |
         +------- the core's bytes, and what the rules must do ---------> the same ---- nft's counters: the same
"""

import contextlib
import os
import random
import select
import socket
import struct
import subprocess
import tempfile
import time
from collections import Counter

import pytest

from lab.client import ping
from lab.daemon import Rules, kernel_has_nft_queue, program
from lab.network import FAMILIES
from lab.traffic import ETHERNET, SO_RCVBUFFORCE, send_frames
from random_maps import INTERFACES, RandomMaps

ERRORS = 600  # under each configuration
BATCH = 200   # on their way at once: less than any queue on it holds
FIREWALL_MAC = "02:00:00:00:00:05"  # towards the dmz
HOP_NAMES = 'hop_names = ( { address = "64.1.2.3"; }, { address = "2a00::1"; errors = "all"; } );\n'
NOT_SEEN = "no-rules",
BY_KERNEL = {"outer": "outer", "may": "outer", "already-right": "untouched", "leaked-outer": "leaked-outer",
             "peer": "private-peer"}
COUNTERS = "private-peer", "untouched", "outer", "leaked-outer", "copied"
READ = ("always", "extension", "long", "inner-mapped", "inner-private", "v4-mapped", "options", "outer-options", "protocol", "headers", "error",
        "never", "npt")
SPECIAL = "zero-before", "zero-after", "broken"


def seed():
    chosen = int(os.environ.get("SEED", time.time_ns() & 0xffffffff))
    print(f"seed {chosen} (SEED chooses another)")
    return chosen


def count():
    return int(os.environ.get("PACKETS", 50000))


class Case:
    """An error as it is emitted, the core's answer, and what the rules must do."""

    def __init__(self, line):
        self.kind, self.why, emitted, answer = line.split()
        self.emitted, self.answer = bytes.fromhex(emitted), bytes.fromhex(answer)
        self.version = self.emitted[0] >> 4
        self.number = number(self.emitted)

    def destination(self):
        if self.version == 4:
            return socket.inet_ntop(socket.AF_INET, self.emitted[16:20]), 0
        return socket.inet_ntop(socket.AF_INET6, self.emitted[24:40]), 0

    def by(self, left):
        """Which counter of the rules is to have counted it, seeing what has left; None: there is no right one."""
        unchanged = left == self.emitted
        if self.kind in NOT_SEEN:
            return self.kind if unchanged else None
        if self.kind == "read" or self.kind == "may" and unchanged:
            return "copied" if unchanged else None
        return BY_KERNEL.get(self.kind) if left == self.answer else None


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


def one_hop_before(packet):
    """As the last router has received it (RFC 1624, equation 3, of the IPv4 header's sum)."""
    packet = bytearray(packet)
    if packet[0] >> 4 == 6:
        packet[7] += 1
        return bytes(packet)
    packet[8] += 1
    total = (~int.from_bytes(packet[10:12], "big") & 0xffff) + 0x100
    packet[10:12] = (~((total & 0xffff) + (total >> 16)) & 0xffff).to_bytes(2, "big")
    return bytes(packet)


def is_forwarded(case):
    """No router forwards what has a source like this (martians; link-local, loopback and mapped ones of IPv6)."""
    if case.version == 4:
        return case.emitted[12] not in (0, 127) and case.emitted[12] < 224
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

    def configure(self, maps):
        for path, text in (self.path, maps.settings("maps")), (self.directory + "/maps", maps.table):
            with open(path, "w") as file:
                file.write(text)
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
        beside = os.path.join(os.path.dirname(program("icmpnatd")), "../tests/net/rules/random_errors")
        helper = os.environ.get("RANDOM_ERRORS", beside)
        done = subprocess.run([helper, self.path, "eth0", str(seed), str(count)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return [Case(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def firewall(network):
    return Firewall(network)


@pytest.fixture
def wire(network):
    with contextlib.closing(Wire(network)) as wire:
        yield wire


@pytest.fixture
def forwarding_wire(network):
    with contextlib.closing(ForwardingWire(network)) as wire:
        yield wire


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
    assert {name: seen[name] for name in COUNTERS} == {name: counted[name] for name in COUNTERS}, context
    assert seen["queued"] == seen["copied"], context
    assert sum(counted[name] for name in (*COUNTERS, *NOT_SEEN)) == len(cases)
    return cases, counted


def assert_often(occurred, done):
    """Each kind has occurred, in both families, and by each reason; those of the kernel's part at least so often."""
    least = {(kind, version): done // 100 for kind in BY_KERNEL if kind not in ("may", "peer") for version in (4, 6)}
    least.update({("read", version): done // 10 for version in (4, 6)})
    least.update({("read", why): done // 500 for why in READ})
    least.update({(kind, special): done // 1000 for kind in ("outer", "already-right") for special in SPECIAL})
    least["outer", "npt-alone"] = done // 50000
    least.update({("may", by): done // 2000 for by in ("outer", "copied")})
    least.update({("peer", version): done // 500 for version in (4, 6)})
    least.update({kind: done // 100 for kind in NOT_SEEN})
    assert {key: (occurred[key], n) for key, n in least.items() if occurred[key] < n} == {}


def test_random_errors_under_random_maps(firewall, wire):
    chosen, done, occurred = seed(), 0, Counter()
    choose = random.Random(chosen)
    while done < count():
        maps, context = RandomMaps(choose, done // ERRORS), f"SEED={chosen}, errors from {done}"
        cases, by = run(firewall, wire, maps, choose.getrandbits(63) | 1, context)
        done += len(cases)
        occurred += by
    print(f"{done} errors: " + ", ".join(f"{key} {n}" for key, n in occurred.items() if isinstance(key, str)))
    if done >= 20000:
        assert_often(occurred, done)


def test_random_errors_that_are_forwarded(firewall, forwarding_wire):
    chosen, occurred = seed(), Counter()
    choose = random.Random(chosen)
    for number in range(count() // 3 // ERRORS):
        maps, context = RandomMaps(choose, number), f"SEED={chosen}, forwarded errors of configuration {number}"
        maps.errors = "all"
        if "eth1" not in maps.outside:  # by which they come
            _, by = run(firewall, forwarding_wire, maps, choose.getrandbits(63) | 1, context, is_forwarded)
            occurred += by
    print(", ".join(f"{key} {n}" for key, n in occurred.items() if isinstance(key, str)))


@pytest.mark.parametrize("errors, way, chosen_ones", [("local", "wire", bool), ("all", "forwarding_wire", is_forwarded)],
                         ids=["emitted", "forwarded"])
def test_random_errors_in_audit(firewall, request, errors, way, chosen_ones):
    """They leave as they came, and each counter is what it is when live."""
    wire, chosen = request.getfixturevalue(way), seed()
    choose = random.Random(chosen)
    for number in range(count() // 6 // ERRORS):
        maps, context = RandomMaps(choose, number), f"SEED={chosen}, audit of configuration {number}"
        of_errors, before, maps.errors = choose.getrandbits(63) | 1, firewall.rules.counted(), errors
        if errors == "all" and "eth1" in maps.outside:  # by which they come
            continue
        cases, _ = run(firewall, wire, maps, of_errors, context, chosen_ones)
        live, maps.mode = firewall.rules.counted() - before, "audit"
        firewall.configure(maps)
        before = firewall.rules.counted()
        for first in range(0, len(cases), BATCH):
            batch = cases[first:first + BATCH]
            assert once(wire.through(batch), context) == {case.number: case.emitted for case in batch}, context
        assert firewall.rules.counted() - before == live, context
        firewall.rules.unload()


def test_rules_that_were_loaded_from_their_own_listing(firewall, wire):
    """They do the same, with maps of every kind, masks of IPv6, sets of raw fields, and names with - . _ and @."""
    chosen = seed()
    choose, names = random.Random(chosen), set()
    for number in range(12):
        maps = RandomMaps(choose, number)
        maps.hop_names = {3: HOP_NAMES, 7: HOP_NAMES}.get(number, "")  # of no connection here
        names.update(maps.outside)
        run(firewall, wire, maps, choose.getrandbits(63) | 1, f"SEED={chosen}, listing of configuration {number}")
    assert names == {"eth0", *INTERFACES}
