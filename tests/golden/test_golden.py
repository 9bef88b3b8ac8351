# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""The golden packets are what make.py makes, and decoders that share nothing with it or with the
translator have nothing to say against a checksum of an expected packet that they do not say against the
input. Both look at the error and, as a packet of its own, at what it quotes."""
import functools
import pathlib
import re
import subprocess
import sys

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.utils import RawPcapWriter

import make

HERE = pathlib.Path(__file__).resolve().parent
STATUS = ("ip", "icmp", "icmpv6", "tcp", "udp", "sctp", "dccp", "icmp.ext")  # tshark: .checksum.status
BAD, GOOD = "0", "1"
# Whose sums are wrong on purpose, or cut.
WRONG = re.compile(r"-sum|truncated|length-more|object-cut|hops-cut|segments-.-left|segments-two|outer-fragment-later|icmp-of-the-other|quotes-icmp")
CHECKED = [f"-o{name}:TRUE" for name in (
    "ip.check_checksum", "tcp.check_checksum", "udp.check_checksum", "dccp.check_checksum", "udplite.check_checksum",
    "udplite.ignore_checksum_coverage")] + ["-osctp.checksum:CRC 32c"]


@functools.lru_cache
def goldens():
    return {golden.name: golden for room in make.ROOMS for golden in room.goldens()}


def quote_of(data):
    """The quoted packet of an error, None if the headers before it do not add up."""
    version = data[0] >> 4 if data else 0
    at = {4: 28, 6: 48}.get(version)
    if at is None or len(data) < at + 20 or data[at] >> 4 != version:
        return None
    length_field = data[25] * 4 if version == 4 else data[44] * 8 * (data[40] % 2)
    quote = data[at:at + length_field] if length_field else data[at:]
    return quote[:total_length(quote)] if total_length(quote) else None


def total_length(packet):
    """What the IP header says; 0 if there is none."""
    if len(packet) < (20 if packet[0] >> 4 == 4 else 40):
        return 0
    return int.from_bytes(packet[2:4], "big") if packet[0] >> 4 == 4 else 40 + int.from_bytes(packet[4:6], "big")


def frames():
    """(name, "input" or "expected", "error" or "quote", bytes) of everything there is to decode."""
    for name, golden in goldens().items():
        for which in "input", "expected":
            data = getattr(golden, which)
            if data:
                yield name, which, "error", data
            if quote_of(data):
                yield name, which, "quote", quote_of(data)


@functools.lru_cache
def tshark(folder):
    """{frame as above without its bytes: {"field=status"}}, from one run."""
    names, path = [], f"{folder}/all.pcap"
    writer = RawPcapWriter(path, linktype=101)
    writer.write_header(None)
    for *frame, data in frames():
        names.append(tuple(frame))
        writer.write_packet(data, wirelen=max(len(data), total_length(data)) if frame[2] == "quote" else len(data))
    writer.close()
    fields = [option for name in STATUS for option in ("-e", f"{name}.checksum.status")]
    lines = subprocess.run(["tshark", "-n", "-r", path, *CHECKED, "-T", "fields", *fields], check=True,
                           stdout=subprocess.PIPE, text=True).stdout.splitlines()
    assert len(lines) == len(names)
    return {name: verdicts(line) for name, line in zip(names, lines)}


def verdicts(line):
    """The statuses of a line. Of the fields of what is quoted inside of an error the number may differ."""
    return {f"{field}={status}" for field, column in zip(STATUS, line.split("\t"))
            for status in column.split(",") if status in (BAD, GOOD)}


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    return tshark(tmp_path_factory.mktemp("tshark"))


def bad(verdict):
    return {word for word in verdict if word.endswith("=" + BAD)}


def test_the_files_are_what_make_makes():
    done = subprocess.run([sys.executable, HERE / "make.py", "--check"], stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_there_are_files_for_all():
    assert {path.stem for path in HERE.glob("*.txt")} == set(goldens())


def test_tshark_calls_no_sum_wrong_that_was_right(said):
    spoilt = [(name, part, verdict) for (name, which, part), verdict in said.items()
              if which == "expected" and bad(verdict) - bad(said[name, "input", part])]
    assert not spoilt


def test_tshark_calls_the_sums_right(said):
    """It does look: each kind of sum is found right many times, and each that is wrong is so on purpose."""
    for field in STATUS:
        assert sum(f"{field}={GOOD}" in verdict for verdict in said.values()) >= 4, field
    wrong = [(name, part, verdict) for (name, _, part), verdict in said.items() if bad(verdict)
             and not WRONG.search(name) and not tshark_misjudges(name, part, verdict)]
    assert not wrong


def tshark_misjudges(name, part, verdict):
    """Inside of an error it sums what is quoted even if that is not all, and overlooks routing headers."""
    data = goldens()[name].input
    partly = len(quote_of(data) or b"") < total_length(data[28 if data[0] >> 4 == 4 else 48:])
    return part == "error" and (partly or "routing" in name) and not bad(verdict) & {"ip=0", "icmp=0", "icmpv6=0"}


def layers(packet):
    while packet and packet.name != "NoPayload":
        yield packet
        packet = packet.payload


def sum_field(layer):
    return next((name for name in ("chksum", "cksum") if name in layer.fields), None)


def recomputed(packet):
    """The same packet with all sums made by scapy, but for that of a UDP that has none."""
    fresh = packet.copy()
    for layer in layers(fresh):
        name = sum_field(layer)
        if name and not (isinstance(layer, UDP) and layer.chksum == 0):
            delattr(layer, name)
    return type(packet)(bytes(fresh))


def scapy_complaints(data):
    """The layers whose sum is not what scapy makes of it."""
    packet = (IP if data[0] >> 4 == 4 else IPv6)(data)
    return {there.name for there, own in zip(layers(packet), layers(recomputed(packet)))
            if sum_field(there) and getattr(there, sum_field(there)) != getattr(own, sum_field(there), None)}


def is_whole(data):
    """Nothing is cut off, so that there is something to sum."""
    return total_length(data) == len(data)


def test_scapy_calls_no_sum_wrong_that_was_right():
    before = {(name, part): scapy_complaints(data) for name, which, part, data in frames()
              if which == "input" and is_whole(data)}
    after = {(name, part): scapy_complaints(data) for name, which, part, data in frames()
             if which == "expected" and is_whole(data)}
    spoilt = [(frame, complaints) for frame, complaints in after.items() if complaints - before.get(frame, set())]
    assert not spoilt
    assert sum(not complaints for complaints in after.values()) > 300
