# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Each outcome, and each way to it: what is not ours, what is malformed, and which map holds."""
import struct

import craft
from scene import (CLIENT, MAPS, PRIVATE, PUBLIC, Golden, changed, error, packet, quoted, stateless, untouched)


def plain(version, body=None, side=PRIVATE, **keywords):
    return error(version, side[version].firewall, quoted(version, body or craft.udp(), side), **keywords)


def rewritten():
    for version in 4, 6:
        private, public = PRIVATE[version].firewall, PUBLIC[version].firewall
        inside, outside = (quoted(version, craft.tcp(), side) for side in (PRIVATE, PUBLIC))
        for name, before, after, outcome in (
                ("outer", error(version, private, outside), error(version, public, outside), "outer"),
                ("inner", error(version, public, inside), error(version, public, outside), "inner"),
                ("both", error(version, private, inside), error(version, public, outside), "both"),
                ("already-right", error(version, public, outside), error(version, public, outside), "already-right")):
            yield Golden(f"ipv{version}-outcome-{name}", "Each address is changed if its map says so, and nothing else "
                         "is (RFC 5508, 4.2, REQ-5).", before, after, outcome, MAPS[version])
    yield Golden("ipv4-df-cleared", "A copy has DF, the kernel's own errors have not: it is cleared (RFC 791, 3.1).",
                 plain(4, df=True), plain(4, side=PUBLIC), "both", MAPS[4])
    yield Golden("ipv4-df-cleared-alone", "DF is cleared although nothing else changes (RFC 791, 3.1).",
                 plain(4, side=PUBLIC, df=True), plain(4, side=PUBLIC), "already-right", MAPS[4])


def leaked():
    for version in 4, 6:
        yield untouched(f"ipv{version}-leaked-outer", "A private source without a map (RFC 1918, 3; RFC 4193, 4.3).",
                        version, plain(version), "leaked-outer", maps=())
        mixed = error(version, PUBLIC[version].firewall, quoted(version, craft.udp(), PRIVATE))
        yield untouched(f"ipv{version}-leaked-inner-destination", "A private address in the quote without a map "
                        "(RFC 1918, 3; RFC 4193, 4.3).", version, mixed, "leaked-inner", maps=())
        mixed = error(version, PUBLIC[version].firewall,
                      packet(version, PRIVATE[version].server, CLIENT[version], craft.udp()))
        yield untouched(f"ipv{version}-leaked-inner-source", "A private address in the quote without a map "
                        "(RFC 1918, 3; RFC 4193, 4.3).", version, mixed, "leaked-inner", maps=())
    for source, name, rfc in (("10.0.0.1", "ten", "RFC 1918"), ("172.16.0.1", "172-16", "RFC 1918"),
                              ("100.64.0.1", "shared", "RFC 6598"), ("169.254.0.1", "link-local", "RFC 3927"),
                              ("192.0.0.8", "dummy", "RFC 7600"), ("240.127.1.1", "reserved", "RFC 1112"),
                              ("198.18.0.1", "benchmarking", "RFC 2544"), ("127.0.0.1", "loopback", "RFC 1122"),
                              ("fe80::1", "link-local", "RFC 4291"), ("fec0::1", "site-local", "RFC 3879"),
                              ("2001:2::1", "benchmarking", "RFC 5180"), ("100::1", "discard", "RFC 6666"),
                              ("64:ff9b:1::1", "translation", "RFC 8215")):
        version = 6 if ":" in source else 4
        yield untouched(f"ipv{version}-leaked-{name}", f"An address that has no business outside ({rfc}).", version,
                        error(version, source, quoted(version, craft.udp(), PUBLIC)), "leaked-outer")
    for source, name, rfc in (("192.0.0.9", "anycast", "RFC 7723"), ("198.51.100.1", "documentation", "RFC 5737"),
                              ("2001:4:112::1", "as112", "RFC 7535"), ("2001::1", "teredo", "RFC 4380"),
                              ("3fff::1", "documentation", "RFC 9637")):
        version = 6 if ":" in source else 4
        yield untouched(f"ipv{version}-public-{name}", f"An address that counts as public ({rfc}; RFC 6890, 2.2).",
                        version, error(version, source, quoted(version, craft.udp(), PUBLIC)), "already-right")
    yield Golden("ipv4-leaked-outer-inner-mended", "What can be mended is, and the leak is named (RFC 5508, 4.2).",
                 plain(4), error(4, PRIVATE[4].firewall, quoted(4, craft.udp(), PUBLIC)), "leaked-outer", MAPS[4][1:])


def not_ours():
    for version in 4, 6:
        yield untouched(f"ipv{version}-not-outside", "It leaves by an interface that is not outside (RFC 5508, 4.2, "
                        "REQ-7).", version, plain(version), "not-outside", leaves="inside")
    reason = "Not an error that quotes a packet (RFC 1122, 3.2.2; RFC 4443, 2.1)."
    for kind, name in (0, "echo-reply"), (4, "source-quench"), (5, "redirect"), (8, "echo"), (13, "timestamp"):
        yield untouched(f"ipv4-not-error-{name}", reason, 4, plain(4, kind=kind, code=0), "not-error")
    for kind, name in (0, "reserved"), (5, "unassigned"), (128, "echo"), (135, "neighbour-solicitation"), (137, "redirect"):
        yield untouched(f"ipv6-not-error-{name}", reason, 6, plain(6, kind=kind, code=0), "not-error")
    for version in 4, 6:
        for body, name in (craft.udp(), "udp"), (craft.opaque(craft.ICMPV6_ if version == 4 else craft.ICMP_, bytes(64)),
                                                 "icmp-of-the-other"):
            yield untouched(f"ipv{version}-not-error-{name}", "Not ICMP of its family (RFC 792; RFC 4443, 1).", version,
                            packet(version, PRIVATE[version].firewall, CLIENT[version], body), "not-error")


def mapped_addresses():
    """An IPv4-mapped address in an IPv6 header is not for the wire, and no IPv4 address."""
    mapped, firewall, server = "::ffff:192.168.1.20", PRIVATE[6].firewall, PRIVATE[6].server
    for name, addresses in (("outer-source", (mapped, CLIENT[6], CLIENT[6], server)),
                            ("outer-destination", (firewall, mapped, CLIENT[6], server)),
                            ("inner-source", (firewall, CLIENT[6], mapped, server)),
                            ("inner-destination", (firewall, CLIENT[6], CLIENT[6], mapped))):
        yield untouched(f"ipv6-mapped-{name}", "An IPv4-mapped address is not for the wire: left alone (RFC 4038, 4.2; "
                        "RFC 6890, 2.2.3).", 6, error(6, addresses[0], packet(6, *addresses[2:], craft.udp()),
                                                      addresses[1]), "mapped-address", maps=MAPS[4] + MAPS[6])


def other_fragments():
    data = packet(4, PRIVATE[4].firewall, CLIENT[4], craft.udp(), fragment=0x2000)
    yield untouched("ipv4-not-error-udp-fragment", "A fragment of something else is no fragment of an error (RFC 791, "
                    "3.2).", 4, data, "not-error")


def about_errors():
    reason = "No error is sent about an error (RFC 1122, 3.2.2; RFC 4443, 2.4e)."
    for kind in 3, 4, 5, 11, 12:
        yield untouched(f"ipv4-about-error-{kind}", reason, 4, plain(4, craft.icmp(kind)), "error-about-error")
    for kind in 1, 127:
        yield untouched(f"ipv6-about-error-{kind}", reason, 6, plain(6, craft.icmpv6(kind)), "error-about-error")
    for version, body in (4, craft.icmp()), (6, craft.icmpv6()):
        yield stateless(f"ipv{version}-about-icmp-type-not-quoted", "Not even the type of the quoted message is there "
                        "(RFC 792).", version, body, cut=20 if version == 4 else 40)


def fragments():
    whole = plain(4)
    for flags, name in (0x2000, "first"), (0x0010, "later"):
        header = craft.summed(craft.put16(whole[:20], 6, flags), 10)
        yield untouched(f"ipv4-outer-fragment-{name}", "Of a fragmented error only a part can be seen (RFC 791, 3.2).", 4,
                        header + whole[20:], "fragment")
    for offset, more, name in (0, 1, "first"), (9, 0, "later"):
        chain = [(craft.FRAGMENT, craft.fragment_header(offset, more))]
        data = packet(6, PRIVATE[6].firewall, CLIENT[6], craft.opaque(craft.ICMPV6_, plain(6)[40:]), chain=chain)
        yield untouched(f"ipv6-outer-fragment-{name}", "Of a fragmented error only a part can be seen (RFC 8200, 4.5).", 6,
                        data, "fragment")
    for name, chain, sentence in (
            ("chain", [(craft.DESTINATION, craft.padded_options())], "An error behind a header of its own (RFC 8200, 4)."),
            ("fragment-atomic", [(craft.FRAGMENT, craft.fragment_header(0, 0))],
             "A fragment header of a whole packet: all of the error can be seen (RFC 6946, 4).")):
        before, after = (packet(6, side[6].firewall, CLIENT[6], craft.opaque(craft.ICMPV6_, plain(6, side=side)[40:]),
                                chain=chain) for side in (PRIVATE, PUBLIC))
        yield Golden(f"ipv6-outer-{name}", sentence, before, after, "both", MAPS[6])


def relength(data):
    """The outer header says that these are all bytes."""
    if data[0] >> 4 == 6:
        return craft.put16(data, 4, len(data) - 40)
    return craft.summed(craft.put16(data[:20], 2, len(data)), 10) + data[20:]


def resummed(data):
    """The outer sums are right for these bytes, whatever they are."""
    data = relength(data)
    if data[0] >> 4 == 4:
        return data[:20] + craft.summed(data[20:], 2)
    pseudo = data[8:40] + struct.pack("!IHxB", len(data) - 40, 0, craft.ICMPV6_)
    return data[:40] + craft.summed(data[40:], 2, None, pseudo)


def malformed_outer():
    """A wrong length or sum is never repaired (RFC 5508, 4.2, REQ-3)."""
    silent = "What does not add up is not touched (RFC 5508, 4.2, REQ-3). "
    for version, header in (4, 20), (6, 40):
        whole = plain(version)
        yield untouched(f"ipv{version}-truncated-ip", silent + "The IP header is cut.", version, whole[:header - 1],
                        "truncated")
        yield untouched(f"ipv{version}-truncated-icmp", silent + "The ICMP header is cut.", version,
                        relength(whole[:header + 7]), "truncated")
        yield untouched(f"ipv{version}-length-less", silent + "More bytes than the header says.", version, whole + b"\0",
                        "outer-header")
        yield untouched(f"ipv{version}-length-more", silent + "Fewer bytes than the header says.", version, whole[:-1],
                        "outer-header")
        yield untouched(f"ipv{version}-icmp-sum", silent + "The ICMP sum is wrong.", version,
                        changed(whole, len(whole) - 1, [whole[-1] ^ 1]), "icmp-checksum")
    yield untouched("ipv6-icmp-sum-of-pseudo-header", silent + "The ICMPv6 sum covers the addresses (RFC 4443, 2.3).", 6,
                    changed(plain(6), 23, [2]), "icmp-checksum")
    whole = plain(4)
    yield untouched("ipv4-empty", silent + "There is no byte.", 4, b"", "truncated")
    yield untouched("ipv4-version-5", silent + "No such version.", 4, changed(whole, 0, [0x55]), "outer-header")
    yield untouched("ipv4-header-of-16", silent + "A header shorter than 20 bytes.", 4, changed(whole, 0, [0x44]),
                    "outer-header")
    yield untouched("ipv4-header-beyond", silent + "A header longer than the packet.", 4,
                    changed(changed(whole, 0, [0x4f]), 2, [0, 60])[:40], "truncated")
    yield untouched("ipv4-total-below-header", silent + "A total length below that of the header.", 4,
                    changed(whole, 2, [0, 19]), "outer-header")
    yield untouched("ipv4-outer-sum", silent + "The sum of the outer header is wrong.", 4, changed(whole, 8, [63]),
                    "outer-checksum")


def malformed_inner():
    """A quote that does not add up stays byte for byte (RFC 5508, 4.2, REQ-3a); the outer source does not depend on it."""
    stays = "A quote that does not add up stays; the outer source does not depend on it (RFC 5508, 4.2, REQ-3a). "

    def outer(name, sentence, version, data, outcome):
        after = resummed(changed(data, *((12, craft.address(PUBLIC[4].firewall)) if version == 4 else
                                         (8, craft.address(PUBLIC[6].firewall)))))
        return Golden(name, sentence, data, after, outcome, MAPS[version])

    for version, header in (4, 20), (6, 40):
        whole, at = plain(version), header + 8
        other = {4: 0x60, 6: 0x45}[version]
        yield outer(f"ipv{version}-quote-length", stays + "The length points beyond the message (RFC "
                    "4884, 4.1 to 4.5).",
                        version, resummed(changed(whole, header + (5 if version == 4 else 4), [40])), "quote-length")
        yield outer(f"ipv{version}-inner-version", stays + "The quote is of the other version.", version,
                        resummed(changed(whole, at, [other])), "inner-version")
        yield outer(f"ipv{version}-inner-cut", stays + "The quoted header is cut.", version,
                        resummed(whole[:at + header - 1]), "inner-header")
        yield outer(f"ipv{version}-inner-nothing", stays + "Nothing is quoted.", version, resummed(whole[:at]),
                        "inner-header")
    whole = plain(4)
    for name, offset, values in (("header-of-16", 0, [0x44]), ("total-below-header", 2, [0, 19])):
        yield outer(f"ipv4-inner-{name}", stays, 4, resummed(changed(whole, 28 + offset, values)), "inner-header")
    yield outer("ipv4-inner-header-beyond", stays + "A quoted header longer than the quote.", 4,
                    resummed(changed(whole, 28, [0x4f])[:78]), "inner-header")
    yield outer("ipv4-inner-sum", stays + "The sum of the quoted header is wrong.", 4,
                    resummed(changed(whole, 36, [60])), "inner-checksum")


def too_long(data):
    """With a length field that points beyond the message."""
    return resummed(changed(data, 25 if data[0] >> 4 == 4 else 44, [40]))


def malformed_inner_untouched():
    """.. but not where its reader knows the private one."""
    for version, neighbour in (4, "192.168.7.9"), (6, "fd99::9"):
        data = plain(version)
        cut = resummed(error(version, PRIVATE[version].firewall, quoted(version, craft.udp(), PRIVATE, cut=19), neighbour))
        yield untouched(f"ipv{version}-inner-cut-peer", "A private neighbour must see the private address (RFC 5508, "
                        "REQ-7).", version, cut, "inner-header")
        for name, destination, after in (("public", CLIENT[version], PUBLIC), ("mapped", PRIVATE[version].server, PUBLIC),
                                         ("private", {4: "192.168.9.9", 6: "fd99::77"}[version], PRIVATE),
                                         ("host", PRIVATE[version].firewall, PRIVATE)):
            quote = packet(version, neighbour, destination, craft.udp())
            before, after = (too_long(error(version, side[version].firewall, quote, neighbour)) for side in (PRIVATE, after))
            yield Golden(f"ipv{version}-quote-length-peer-{name}", "Whether a private neighbour knows the firewall by its "
                         "public address, the quoted destination says (RFC 5508, REQ-7).", before, after, "quote-length",
                         MAPS[version])
        yield untouched(f"ipv{version}-quote-length-peer-leave", "private_peers = leave: whatever it sent to.", version,
                        before, "quote-length", private_peers="leave")
        other = too_long(error(version, PRIVATE[version].firewall, changed(quote, 0, [0x75]), neighbour))
        yield untouched(f"ipv{version}-quote-length-peer-version", "No destination can be seen (RFC 5508, REQ-7).",
                        version, other, "quote-length")
        yield untouched(f"ipv{version}-inner-cut-inside", "It leaves by another interface (RFC 5508, REQ-7).", version,
                        resummed(data[:28 if version == 4 else 48]), "inner-header", leaves="inside")
        yield untouched(f"ipv{version}-inner-cut-already-right", "Its source is public (RFC 5508, REQ-3a).", version,
                        resummed(plain(version, side=PUBLIC)[:28 if version == 4 else 48]), "inner-header")
    yield Golden("ipv4-inner-cut-df", "DF is cleared although nothing else changes (RFC 791, 3.1).",
                 resummed(plain(4, side=PUBLIC, df=True)[:28]), resummed(plain(4, side=PUBLIC)[:28]), "inner-header", MAPS[4])
    mapped = error(6, "::ffff:192.168.42.1", quoted(6, craft.udp(), PRIVATE, cut=39))
    yield untouched("ipv6-inner-cut-mapped", "An IPv4-mapped source is no IPv4 address (RFC 4038, 4.2).", 6, mapped,
                    "inner-header", maps=MAPS[4])


def unrenewed_sums():
    """Linux quotes options that it has written into, and the sum of before (ip_options_rcv; RFC 791, 3.1)."""
    recorded = bytes([1, 7, 7, 8, 198, 51, 100, 7])
    for side, name, outcome in (PRIVATE, "both", "both"), (PUBLIC, "outer", "outer"):
        before, after = (error(4, outer.firewall, unrenewed(quoted(4, craft.udp(), inner, options=recorded)))
                         for outer, inner in ((PRIVATE[4], side), (PUBLIC[4], PUBLIC)))
        yield Golden(f"ipv4-options-sum-unrenewed-{name}", "The sum of a quoted header with options tells nothing: a router "
                     "has written into them. It stays as wrong as it was (RFC 791, 3.1; RFC 1624, 3).", before, after,
                     outcome, MAPS[4])


def unrenewed(quote):
    """With another sum: that of before the last hop was recorded."""
    return craft.put16(quote, 10, (int.from_bytes(quote[10:12], "big") + 0x1234) % 0xffff)


def maps():
    """Which map holds."""
    def of(outer, inner, version=4):
        return error(version, outer, packet(version, CLIENT[version], inner, craft.tcp()))

    yield Golden("ipv4-map-longest", "The longest prefix wins.", of("10.1.2.3", "10.1.3.4"), of("1.2.3.7", "198.51.3.4"),
                 "both", ("10.0.0.0/8 -> 8.0.0.0/8", "10.1.0.0/16 -> 198.51.0.0/16", "10.1.2.3 -> 1.2.3.7"))
    yield Golden("ipv4-map-parts", "A map may hold for one part of the packet only.", of("10.1.2.3", "10.1.2.3"),
                 of("1.2.3.7", "1.2.3.8"), "both", ("10.1.2.3 -> 1.2.3.7 outer", "10.1.2.3 -> 1.2.3.8 inner"))
    yield Golden("ipv4-map-many-to-one", "Many addresses to one, which only the outer source may be.",
                 of("10.1.2.3", "1.2.3.20"), of("1.2.3.1", "1.2.3.20"), "outer", ("10.0.0.0/8 -> 1.2.3.1 outer",))
    yield Golden("ipv4-map-all", "A map of every address.", of("10.1.2.3", "10.9.8.7"), of("1.2.3.1", "10.9.8.7"),
                 "leaked-inner", ("0.0.0.0/0 -> 1.2.3.1 outer",))
    yield Golden("ipv6-map-all", "A map of every address.", of("fd00::3", "fd00::4", 6),
                 of("2001:db8::1", "fd00::4", 6), "leaked-inner", ("::/0 -> 2001:db8::1 outer",))
    yield Golden("ipv6-map-neutral", "Prefixes of one sum: the inner sum stays as it is (RFC 6296, 3.1).",
                 of("fd42:3000:77::1", "fd42:3000:77:1::9", 6), of("2001:db8:1::1", "2001:db8:1:1::9", 6), "both",
                 ("fd42:3000:77::/48 -> 2001:db8:1::/48",))
    yield Golden("ipv4-map-neutral", "Addresses of one sum: no sum changes (RFC 1624, 3).",
                 of("10.1.2.3", "10.1.2.3"), of("2.3.10.1", "2.3.10.1"), "both", ("10.1.2.3 -> 2.3.10.1",))
    yield Golden("ipv6-map-prefix-of-host-bits", "Of a prefix the host bits stay (RFC 6296, 3).",
                 of("fd00::ffff:ffff:ffff:ffff", "fd00::1", 6), of("2001:db8::ffff:ffff:ffff:ffff", "2001:db8::1", 6),
                 "both", ("fd00::/64 -> 2001:db8::/64",))


def other_zero(quote, header):
    """A TCP packet whose sum is the zero that no sender computes, 0xffff."""
    quote = craft.put16(quote, header + 10, int.from_bytes(quote[header + 16:header + 18], "big"))
    return craft.put16(quote, header + 16, 0xffff)


def neutral():
    """Where the addresses have one sum, no zero is computed, so that the one that was sent stays."""
    for version, header, private, public, entry in ((4, 20, "10.1.2.3", "2.3.10.1", "10.1.2.3 -> 2.3.10.1"),
                                                    (6, 40, "fd42:3000:77::1", "2001:db8:1::1", "fd42:3000:77::/48 -> 2001:db8:1::/48")):
        before, after = (error(version, outer, other_zero(packet(version, CLIENT[version], inner, craft.tcp()), header))
                         for outer, inner in ((private, private), (public, public)))
        yield Golden(f"ipv{version}-neutral-sum-other-zero", "Addresses of one sum: an inner sum of 0xffff stays as it is, although "
                     "it is a zero (RFC 1624, 3).", before, after, "both", (entry,))


def goldens():
    for part in (rewritten, leaked, not_ours, mapped_addresses, other_fragments, about_errors, fragments,
                 malformed_outer, malformed_inner, malformed_inner_untouched, unrenewed_sums, maps, neutral):
        yield from part()
