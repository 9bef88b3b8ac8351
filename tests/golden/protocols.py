# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""The table of inner protocols, and how much of them is quoted."""
import craft
from scene import CLIENT, MAPS, PRIVATE, PUBLIC, Golden, error, packet, quoted, stateless

HOP4 = "198.51.100.1"


def whole():
    """Every protocol, wholly quoted, in both families."""
    table = (
        ("tcp", craft.tcp(), "TCP: the sum covers the addresses by its pseudo-header (RFC 9293, 3.1)."),
        ("udp", craft.udp(), "UDP: the sum covers the addresses by its pseudo-header (RFC 768)."),
        ("udplite", craft.udplite(), "UDP-Lite: coverage 0 is the whole datagram (RFC 3828, 3.1)."),
        ("udplite-partial", craft.udplite(coverage=12),
         "UDP-Lite: a sum over 12 bytes covers the addresses all the same (RFC 3828, 3.2)."),
        ("dccp", craft.dccp(), "DCCP: the sum stands at offset 6 (RFC 4340, 5.1 and 9)."),
        ("sctp", craft.sctp(), "SCTP: CRC32c has no pseudo-header, so no address changes it (RFC 9260, 6.8)."),
        ("gre", craft.gre, "GRE: only the addresses of the IP header (RFC 5508, 4.2)."),
        ("esp", craft.esp, "ESP: only the addresses of the IP header (RFC 4303, 2)."),
        ("ah", craft.ah, "AH: only the addresses of the IP header; its ICV cannot be mended (RFC 4302, 3.3.3)."),
        ("unknown", craft.unknown, "A protocol for experiments: only the addresses of the IP header (RFC 3692, 2.1)."),
    )
    for version in 4, 6:
        for name, body, sentence in table:
            yield stateless(f"ipv{version}-{name}", sentence, version, body)


def tunnels():
    for version, other in (4, 4), (4, 6), (6, 4), (6, 6):
        inner = {4: lambda: craft.ipv4("10.9.8.7", "10.6.5.4", craft.udp()),
                 6: lambda: craft.ipv6("fd09::7", "fd09::4", craft.udp())}[other]()
        protocol = {4: craft.IPIP, 6: craft.IPV6_}[other]
        yield stateless(f"ipv{version}-carries-ipv{other}",
                        "A tunnel: the packet inside is its own world and stays (RFC 2003, 4; RFC 2473, 8).", version,
                        craft.opaque(protocol, inner), outcome="leaked-inner")


def carried():
    """What is looked at in a tunnel: all headers that can be seen in it, which stay."""
    inside = "What is in a tunnel stays, and is looked at (RFC 2003, 4; RFC 2784). "
    v4 = lambda a=PUBLIC[4].server, b=CLIENT[4], body=None, **k: packet(4, a, b, body or craft.udp(), **k)
    v6 = lambda a=PUBLIC[6].server, b=CLIENT[6], body=None, **k: packet(6, a, b, body or craft.udp(), **k)
    recorded = bytes([1, 7, 7, 8]) + craft.address(PRIVATE[4].firewall)
    route = [(craft.ROUTING, craft.routing(4, 0, PRIVATE[6].server))]

    def gre(data, flags=0, kind=0x0800):
        extra = sum(4 for bit in (0x8000, 0x2000, 0x1000) if flags & bit)
        return craft.opaque(craft.GRE, flags.to_bytes(2, "big") + kind.to_bytes(2, "big") + bytes(extra) + data)

    def ip(data):
        return craft.opaque(craft.IPIP if data[:1] < b"P" else craft.IPV6_, data)

    cases = (
        ("public", ip(v4()), "both"), ("public-v6", ip(v6()), "both"),
        ("source", ip(v4("10.1.1.1")), "leaked-inner"), ("source-v6", ip(v6("fd99::1")), "leaked-inner"),
        ("destination", ip(v4(b="10.1.1.1")), "leaked-inner"), ("destination-v6", ip(v6(b="fe80::1")), "leaked-inner"),
        ("mapped-v6", ip(v6("::ffff:1.2.3.4")), "leaked-inner"),
        ("option", ip(v4(options=recorded)), "leaked-inner"),
        ("option-public", ip(v4(options=bytes([1, 7, 7, 8]) + craft.address(HOP4))), "both"),
        ("routing", ip(v6(chain=route)), "leaked-inner"),
        ("source-cut", ip(v4("10.1.1.1")[:15]), "both"), ("source-whole", ip(v4("10.1.1.1")[:16]), "leaked-inner"),
        ("destination-cut", ip(v6(b="fe80::1")[:39]), "both"), ("nothing", ip(b""), "both"),
        ("version", craft.opaque(craft.IPIP, v6("fd99::1")), "both"),
        ("version-v6", craft.opaque(craft.IPV6_, v4("10.1.1.1")), "both"),
        ("nested", ip(v4(body=ip(v4(body=gre(v4("10.1.1.1")))))), "leaked-inner"),
        ("gre", gre(v4("10.1.1.1")), "leaked-inner"), ("gre-v6", gre(v6("fd99::1"), kind=0x86dd), "leaked-inner"),
        ("gre-key", gre(v4("10.1.1.1"), 0xb000), "leaked-inner"), ("gre-public", gre(v4(), 0x2000), "both"),
        ("gre-other", gre(v4("10.1.1.1"), kind=0x6558), "both"), ("gre-routed", gre(v4("10.1.1.1"), 0x4000), "both"),
        ("gre-version", gre(v4("10.1.1.1"), 1), "both"), ("gre-cut", craft.opaque(craft.GRE, b"\0\0\x08"), "both"),
        ("gre-key-cut", craft.opaque(craft.GRE, b"\x20\0\x08\0\1"), "both"),
    )
    for version in 4, 6:
        for name, body, outcome in cases:
            yield stateless(f"ipv{version}-tunnel-{name}", inside, version, body, outcome=outcome)
    yield stateless("ipv4-tunnel-later-fragment", inside + "But no header is in a later fragment.", 4, ip(v4("10.1.1.1")),
                    inner={"fragment": 0x10})


def queries():
    for kind, name in (8, "echo-request"), (0, "echo-reply"), (13, "timestamp"), (17, "address-mask"):
        yield stateless(f"ipv4-icmp-{name}", "ICMP has no pseudo-header: its sum stays (RFC 792).", 4,
                        craft.icmp(kind))
    for kind, name in (128, "echo-request"), (129, "echo-reply"), (135, "neighbour-solicitation"):
        yield stateless(f"ipv6-icmpv6-{name}", "ICMPv6 is summed with a pseudo-header (RFC 4443, 2.3).", 6,
                        craft.icmpv6(kind))
    yield stateless("ipv4-icmp-router-solicitation", "An ICMP message that is neither a query with an identifier nor "
                    "an error: only the addresses (RFC 1256, 3).", 4, craft.icmp(10))
    foreign = "ICMP of the other family is nothing that anybody knows: only the addresses (RFC 8200, 8.1)."
    yield stateless("ipv4-quotes-icmpv6", foreign, 4, craft.opaque(craft.ICMPV6_, bytes([128]) + craft.TEXT))
    yield stateless("ipv6-quotes-icmp", foreign, 6, craft.opaque(craft.ICMP_, bytes([8]) + craft.TEXT))


def udp_sums():
    """The two special values of RFC 768, one of which RFC 3828 has too."""
    for version in 4, 6:
        yield stateless(f"ipv{version}-udp-no-sum", "UDP: 0 means that there is no sum, and stays (RFC 768; "
                        "RFC 6935, 5 for IPv6).", version, craft.udp(has_sum=False))
        for name, body, source in ("udp", craft.udp, "UDP: a computed 0 is sent as 0xffff (RFC 768)."), (
                "udplite", craft.udplite, "UDP-Lite: a computed 0 is sent as 0xffff (RFC 3828, 3.1)."):
            yield stateless(f"ipv{version}-{name}-sum-becomes-ffff", source, version,
                            body(sport=port_for_ffff(version, PUBLIC, body)))
            yield stateless(f"ipv{version}-{name}-sum-was-ffff", source, version,
                            body(sport=port_for_ffff(version, PRIVATE, body)))


def port_for_ffff(version, side, body):
    """A source port with which the datagram to the server has a sum of 0xffff: what it lacks without one."""
    return int.from_bytes(body(sport=0)(CLIENT[version], side[version].server)[6:8], "big")


def quotes():
    """Cut at the places where something ends. 28 bytes are what RFC 792 asks for."""
    legal = "A quote of 8 bytes is legal: ports, but no sum to keep right (RFC 792; RFC 1122, 3.2.2)."
    cases = (
        ("tcp-8-bytes", craft.tcp(), 8, legal),
        ("dccp-8-bytes", craft.dccp(), 8, "8 bytes of DCCP hold its sum (RFC 4340, 5.1)."),
        ("udplite-8-bytes", craft.udplite(), 8, "8 bytes of UDP-Lite hold its sum (RFC 3828, 3.1)."),
        ("sctp-8-bytes", craft.sctp(), 8, legal),
        ("udp-8-bytes", craft.udp(), 8, "8 bytes of UDP hold its sum, which covers what is not quoted (RFC 1624, 3)."),
        ("tcp-16-bytes", craft.tcp(), 16, "The sum begins where the quote ends (RFC 9293, 3.1)."),
        ("tcp-18-bytes", craft.tcp(), 18, "The last byte of the quote is the last byte of the sum (RFC 9293, 3.1)."),
        ("udp-4-bytes", craft.udp(), 4, "Ports and no more (RFC 768)."),
        ("udp-odd", craft.udp(), 21, "An odd number of bytes is summed as if a zero followed (RFC 1071, 1)."),
        ("tcp-1-byte", craft.tcp(), 1, "Not even a port (RFC 792 asks for more; nothing depends on it)."),
        ("udp-header-only", craft.udp(), 0, "Nothing but the IP header (RFC 792 asks for more)."),
    )
    for version, header in (4, 20), (6, 40):
        for name, body, n, sentence in cases:
            yield stateless(f"ipv{version}-quote-{name}", sentence, version, body, cut=header + n)
    yield stateless("ipv4-quote-548-bytes", "As much as fits into 576 bytes, of a packet of 1500 (RFC 1812, 4.3.2.3).",
                    4, craft.tcp(data=bytes(range(256)) * 5 + bytes(180)), cut=548)
    yield stateless("ipv6-quote-1232-bytes", "As much as fits into 1280 bytes, of a packet of 1500 (RFC 4443, 2.4c).",
                    6, craft.tcp(data=bytes(range(256)) * 5 + bytes(160)), cut=1232)


def half_sums():
    """The only place where the quote is not that of the translated packet."""
    half = "Half a sum cannot be kept right, whether there is a carry is in the other half: it stays (RFC 1624, 3)."
    for version, header in (4, 20), (6, 40):
        own = ("udplite", craft.udplite(), 7) if version == 4 else ("icmpv6", craft.icmpv6(), 3)
        for name, body, n in ("tcp", craft.tcp(), 17), ("udp", craft.udp(), 7), ("dccp", craft.dccp(), 7), own:
            before, after = (quoted(version, body, side, header + n) for side in (PRIVATE, PUBLIC))
            yield Golden(f"ipv{version}-quote-{name}-half-sum", half, error(version, PRIVATE[version].firewall, before),
                         error(version, PUBLIC[version].firewall, after[:-1] + before[-1:]), "both", MAPS[version])


def types():
    for kind, code, rest, name in (3, 4, 1400, "frag-needed"), (11, 0, 0, "time-exceeded"), (12, 0, 8 << 24, "parameter"):
        yield stateless(f"ipv4-error-{name}", "Type, code, MTU and pointer stay (RFC 5508, 4.2, REQ-5b).", 4,
                        craft.tcp(), kind=kind, code=code, rest=rest)
    for kind, code, rest, name in (2, 0, 1400, "too-big"), (3, 0, 0, "time-exceeded"), (4, 1, 40, "parameter"):
        yield stateless(f"ipv6-error-{name}", "Type, code, MTU and pointer stay (RFC 4443, 3).", 6, craft.tcp(),
                        kind=kind, code=code, rest=rest)


def wrong_before():
    """A transport sum that was wrong is as wrong after: what the increment gives."""
    def broken(source, destination):
        segment = craft.tcp()(source, destination)
        distorted = bytes([segment[-1] ^ 1])
        return segment[:-1] + distorted
    broken.protocol = craft.TCP_
    yield stateless("ipv4-tcp-wrong-sum", "The inner transport sum is not validated, and not repaired (RFC 5508, 4.2, "
                    "REQ-3c).", 4, broken)


def both_ends():
    """Both inner addresses are private: an error about what one inside host sent to another network."""
    quote = [packet(4, source, destination, craft.udp())
             for source, destination in (("192.168.1.30", "192.168.1.20"), ("1.2.3.30", "1.2.3.20"))]
    yield Golden("ipv4-both-inner-addresses", "Source and destination are made public, each by its map (RFC 5508, 4.2, "
                 "REQ-4).", error(4, "192.168.42.1", quote[0]), error(4, "1.2.3.1", quote[1]), "both", MAPS[4])
    quote = [packet(4, source, CLIENT[4], craft.tcp(443, 40000)) for source in ("192.168.1.20", "1.2.3.20")]
    yield Golden("ipv4-inner-source", "An error about an answer of the server: its source is made public (RFC 5508, 4.2, "
                 "REQ-4).", error(4, "192.168.42.1", quote[0]), error(4, "1.2.3.1", quote[1]), "both", MAPS[4])
    quote = [packet(6, source, CLIENT[6], craft.tcp(443, 40000)) for source in ("fd00:1::20", "2001:db8:1::20")]
    yield Golden("ipv6-inner-source", "An error about an answer of the server: its source is made public (RFC 4443, "
                 "2.4c).", error(6, "fd42::1", quote[0]), error(6, "2001:db8:1::1", quote[1]), "both", MAPS[6])


def goldens():
    for part in whole, tunnels, carried, queries, udp_sums, quotes, half_sums, types, wrong_before, both_ends:
        yield from part()
