# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""A golden packet, and the network that most of them come from: a firewall with a private address on
its link, and a server behind stateless NAT. Outside, both are known by public addresses."""
import dataclasses
import types

import craft

PRIVATE = {4: types.SimpleNamespace(firewall="192.168.42.1", server="192.168.1.20"),
           6: types.SimpleNamespace(firewall="fd42::1", server="fd00:1::20")}
PUBLIC = {4: types.SimpleNamespace(firewall="1.2.3.1", server="1.2.3.20"),
          6: types.SimpleNamespace(firewall="2001:db8:1::1", server="2001:db8:1::20")}
CLIENT = {4: "203.0.113.10", 6: "2001:db8:c::10"}
MAPS = {4: ("192.168.42.1 -> 1.2.3.1", "192.168.1.0/24 -> 1.2.3.0/24"),
        6: ("fd42::1 -> 2001:db8:1::1", "fd00:1::/64 -> 2001:db8:1::/64")}


@dataclasses.dataclass
class Golden:
    name: str
    sentence: str  # what it shows, and where that is written
    input: bytes
    expected: bytes
    outcome: str
    maps: tuple = ()
    flow: str = "none"
    extensions: str = "pass"
    lookup: str = "auto"
    private_peers: str = "auto"
    leaves: str = "outside"


def packet(version, source, destination, body, **keywords):
    """The packet that the error is about."""
    return (craft.ipv4 if version == 4 else craft.ipv6)(source, destination, body, **keywords)


def error(version, source, quote, destination=None, **keywords):
    """The error about it, to the client."""
    make = craft.error4 if version == 4 else craft.error6
    return make(source, destination or CLIENT[version], quote, **keywords)


def quoted(version, body, side, cut=None, tail=None, **keywords):
    """What an error quotes of the client's packet to the server, as the server is known on a side; tail
    makes of that what follows the message's first 8 bytes."""
    quote = packet(version, CLIENT[version], side[version].server, body, **keywords)[:cut]
    return tail(quote) if tail else quote


def stateless(name, sentence, version, body, inner=None, cut=None, tail=None, outcome="both", maps=None,
              flow="none", lookup="auto", **keywords):
    """An error about a packet of the client to the server behind stateless NAT, before and after."""
    before, after = (error(version, side[version].firewall,
                           quoted(version, body, side, cut, tail, **inner or {}), **keywords)
                     for side in (PRIVATE, PUBLIC))
    return Golden(name, sentence, before, after, outcome, MAPS[version] if maps is None else maps, flow,
                  lookup=lookup)


def untouched(name, sentence, version, data, outcome, **keywords):
    """A packet that stays what it is, although there are maps."""
    keywords.setdefault("maps", MAPS[version])
    return Golden(name, sentence, data, data, outcome, **keywords)


def changed(data, offset, values):
    """Bytes of a finished packet replaced, its sums as they were."""
    return data[:offset] + bytes(values) + data[offset + len(values):]
