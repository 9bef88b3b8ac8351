# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""NPTv6 (RFC 6296): what an address becomes is worked out here from the RFC's words, with integers."""
import ipaddress

import craft
from scene import CLIENT, Golden, error, packet

ONES = 0xffff
EXAMPLE = "fd01:203:405::/48", "2001:db8:1::/48"  # the RFC's own, 3.6


def words(address):
    value = int(ipaddress.ip_address(address))
    return [value >> shift & ONES for shift in range(112, -1, -16)]


def subtract(a, b):
    """In one's complement."""
    total = a + (~b & ONES)
    return (total & ONES) + (total >> 16)


def total(numbers):
    """Their sum in one's complement."""
    left = 0
    for number in numbers:
        left += number
        left = (left & ONES) + (left >> 16)
    return left


def translated(address, internal, external):
    """The address outside; None if the packet would have to be dropped (RFC 6296, 3.7)."""
    inside, outside = ipaddress.ip_network(internal), ipaddress.ip_network(external)
    adjustment = subtract(total(words(inside.network_address)), total(words(outside.network_address)))
    host = int(ipaddress.ip_address(address)) & int(inside.hostmask)
    parts = words(ipaddress.ip_address(int(outside.network_address) | host))
    candidates = [3] if inside.prefixlen <= 48 else [at for at in range(4, 8) if parts[at] != ONES]
    if not candidates:
        return None
    word = total([parts[candidates[0]], adjustment])
    parts[candidates[0]] = 0 if word == ONES else word
    return str(ipaddress.ip_address(sum(part << 112 - 16 * at for at, part in enumerate(parts))))


assert translated("fd01:203:405:1::1234", *EXAMPLE) == "2001:db8:1:d550::1234"


def both_ways(name, sentence, host, body, maps, firewall="fd42::1"):
    """An error about what the client sent to a host behind NPTv6, and about the answer."""
    lines = f"{maps[0]} -> {maps[1]} npt", "fd42::1 -> 2001:db8:ffff::1"
    public = {side: translated(side, *maps) or side for side in (host, firewall)}
    public["fd42::1"] = "2001:db8:ffff::1"
    for way, ends in ("to", (CLIENT[6], host)), ("from", (host, CLIENT[6])):
        before = error(6, firewall, packet(6, *ends, body))
        after = error(6, public[firewall], packet(6, *(public.get(end, end) for end in ends), body))
        outcome = "leaked-inner" if public[host] == host else "both"
        yield Golden(f"npt-{name}-{way}", sentence, before, after, outcome, lines)


def words_and_lengths():
    first = "The first word behind the prefix that is not all ones is adjusted (RFC 6296, 3.5)."
    cases = (
        ("example", "RFC 6296's own example (3.6).", "fd01:203:405:1::1234", EXAMPLE),
        ("48", "A prefix of 48 bits: word 3 is adjusted (RFC 6296, 3.4).", "fd00:1::20", ("fd00:1::/48", "2001:db8:1::/48")),
        ("32", "A shorter prefix: word 3, too (RFC 6296, 3.4).", "fd00:1:7:8::9", ("fd00:1::/32", "2001:db8::/32")),
        ("zero", "A result of all ones is written as 0 (RFC 6296, 3.4).", "fd00:1:0:30b8::20",
         ("fd00:1::/48", "2001:db8:1::/48")),
        ("ones", "Word 3 of all ones is the other zero, as Linux takes it (ip6t_NPT).", "fd00:1:0:ffff::20",
         ("fd00:1::/48", "2001:db8:1::/48")),
        ("49", first, "fd00:1:0:7fff::1", ("fd00:1::/49", "2001:db8:1::/49")),
        ("56", first, "fd00:1:0:aa::1", ("fd00:1::/56", "2001:db8:1:100::/56")),
        ("64", first, "fd00:1:0:5:1:2:3:4", ("fd00:1:0:5::/64", "2001:db8:1:9::/64")),
        ("64-ones-1", first, "fd00:1::ffff:0:0:1", ("fd00:1::/64", "2001:db8:1::/64")),
        ("64-ones-2", first, "fd00:1::ffff:ffff:0:1", ("fd00:1::/64", "2001:db8:1::/64")),
        ("64-ones-3", first, "fd00:1::ffff:ffff:ffff:1", ("fd00:1::/64", "2001:db8:1::/64")),
        ("64-zero", "A result of all ones is written as 0 (RFC 6296, 3.5).", "fd00:1::30b8:0:0:1",
         ("fd00:1::/64", "2001:db8:1::/64")),
        ("no-word", "There is no word to adjust: the address has no public one (RFC 6296, 3.7).",
         "fd00:1::ffff:ffff:ffff:ffff", ("fd00:1::/64", "2001:db8:1::/64")),
    )
    for name, sentence, host, maps in cases:
        yield from both_ways(name, sentence, host, craft.tcp(), maps)


def protocols():
    kept = "NPTv6 is checksum-neutral: the sum of the quote is its sender's (RFC 6296, 2.6)."
    for name, body in (("udp", craft.udp()), ("udp-no-sum", craft.udp(has_sum=False)), ("icmpv6", craft.icmpv6()),
                       ("udplite", craft.udplite()), ("dccp", craft.dccp()), ("sctp", craft.sctp()), ("esp", craft.esp)):
        yield from both_ways(name, kept, "fd01:203:405:1::1234", body, EXAMPLE)


def other_zero():
    """A checksum of all ones, which few senders write and decoders call wrong."""
    def body(source, destination):
        segment = craft.tcp()(source, destination)
        return craft.put16(craft.put16(segment, 8, craft.checksum(craft.pseudo_header(source, destination, craft.TCP_, len(
            segment)) + craft.put16(craft.put16(segment, 16, 0), 8, 0))), 16, ONES)
    body.protocol = craft.TCP_
    yield from both_ways("other-zero-sum", "A sum that is the other zero stays it (RFC 6296, 2.6).", "fd01:203:405:1::1234",
                         body, EXAMPLE)


def outer():
    yield from both_ways("outer", "The firewall's own address is behind the prefix, too.", "fd01:203:405:1::1234",
                         craft.tcp(), EXAMPLE, firewall="fd01:203:405:1::1")
    stays = error(6, "fd00:1::ffff:ffff:ffff:ffff", packet(6, CLIENT[6], "2001:db8:1::20", craft.tcp()))
    yield Golden("npt-outer-no-word", "There is no word to adjust: the source has no public one (RFC 6296, 3.7).", stays,
                 stays, "leaked-outer", ("fd00:1::/64 -> 2001:db8:1::/64 outer npt",))


def goldens():
    for part in words_and_lengths, protocols, other_zero, outer:
        yield from part()
