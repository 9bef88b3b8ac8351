# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""The golden packets that quote a mapped address, sent through the tables by which the kernel translates that: each
leaves as it is expected to, or as a copy, for the daemon; and what the rules are for, leaves translated."""

import contextlib
import itertools
import re
from pathlib import Path

from lab.daemon import configuration
from lab.network import V4, V6
from held import Held
from same import Error, Wire, copy

FILES = Path(__file__).parents[2] / "golden"
MEMBERS = {"outer": 'part = "outer";', "inner": 'part = "inner";', "npt": "npt = true;"}
CLIENTS = V4.client, V6.client
# What the kernel emits nowhere, or not as it is: the bit of a copy that iptables made, an extension that is not announced,
# a header of a fragment that is none.
NEVER = re.compile("df-cleared|-old|outer-fragment")
# What the rules are for: a plain header, a protocol whose sum they know, one mapped address.
KERNEL_S = re.compile(r"ipv4-fragment-|ipv[46]-(ah|df|esp|sctp|tcp|tcp-.*|udp|udp-.*|error-.*|icmp-.*|icmpv6-.*|"
                      r"inner-source|map-.*|outcome-.*|quote-\d+-bytes|quote-(icmpv6|sctp|tcp|udp)-.*)$")


class Golden(Error):
    """One of the files, as tests/golden/README says."""

    def __init__(self, path):
        self.name, self.maps, bytes_of, at = path.stem, [], {"input": "", "expected": ""}, None
        self.said = {"flow": "none", "extensions": "pass", "lookup": "auto", "private_peers": "auto"}
        for line in path.read_text().splitlines():
            key, _, value = line.partition(": ")
            if line.startswith(" "):
                bytes_of[at] += line.strip()
            elif key == "map":
                self.maps.append(value)
            else:
                at, self.said[key] = line.rstrip(":"), value
        emitted = bytes.fromhex(bytes_of["input"])
        super().__init__(emitted, emitted if bytes_of["expected"] == "same" else bytes.fromhex(bytes_of["expected"]))

    def is_emitted(self):
        return not NEVER.search(self.name) and self.destination()[0] in CLIENTS

    def settings(self):
        return self.maps, self.said["extensions"], self.said["private_peers"]


def goldens():
    """Those of which the daemon changes the quote by maps alone, by their settings."""
    chosen = [golden for golden in map(Golden, FILES.glob("*-*.txt")) if golden.said["outcome"] in ("both", "inner")
              and golden.said["flow"] == "none" and golden.said["lookup"] != "always" and golden.is_emitted()]
    return itertools.groupby(sorted(chosen, key=Golden.settings), Golden.settings)


def text_of(maps, extensions, private_peers, control):
    sides = [line.replace("->", "").split() for line in maps]
    more = f'extensions = "{extensions}";\nprivate_peers = "{private_peers}";\n'
    return configuration([(a, b, *(MEMBERS[word] for word in words)) for a, b, *words in sides], "", control, "own",
                         kernel="auto", more=more)


def test_golden_packets(network, tmp_path):
    path, translated, left = tmp_path / "icmpnatd.conf", set(), set()
    with contextlib.closing(Held(network.firewall, str(path))) as tables, contextlib.closing(Wire(network)) as wire:
        for chosen, group in goldens():
            path.write_text(text_of(*chosen, str(tmp_path / "control")))
            tables.load()
            for golden in group:
                packets = [packet for _, packet in wire.through([golden])]  # one at a time, for these have no number
                assert packets in ([copy(golden.emitted)], [golden.answer]), golden.name
                (translated if packets == [golden.answer] else left).add(golden.name)
    assert translated == {name for name in translated | left if KERNEL_S.match(name)}
    assert len(translated) > 70
