# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""IPv4 options, IPv6 extension headers, fragments."""
import craft
from scene import CLIENT, MAPS, PRIVATE, PUBLIC, Golden, error, packet, stateless

HOP = {4: "198.51.100.1", 6: "2001:db8:f::1"}  # where a source route goes after the inner destination
END, NOP, ROUTE_RECORD, TIMESTAMP, LOOSE, STRICT, ALERT = 0, 1, 7, 68, 131, 137, 148


def option(kind, *content):
    return bytes([kind, 2 + len(content)]) + bytes(content)


def filled(options):
    return options + bytes([END]) * (-len(options) % 4)


def source_route(kind, pointer, *hops):
    """RFC 791: the pointer counts from the option's first byte; behind its end the route is used up."""
    return option(kind, pointer, *b"".join(map(craft.address, hops)))


def ipv4_options():
    walked = "IP options are stepped over (RFC 5508, 4.2, REQ-3b; RFC 791, 3.1)."
    cases = (
        ("nop", bytes([NOP]) * 4, walked),
        ("router-alert", option(ALERT, 0, 0), walked),
        ("record-route", option(ROUTE_RECORD, 4, *bytes(36)), walked),
        ("timestamp", bytes([NOP]) + option(TIMESTAMP, 5, 0, *bytes(8)), walked),
        ("most", bytes([NOP]) * 40, "40 bytes are the most that fit (RFC 791, 3.1)."),
        ("end", bytes([END]) + source_route(LOOSE, 4, HOP[4]),
         "Behind the end of the list there is no option, whatever it looks like (RFC 791, 3.1)."),
        ("overlong", option(ROUTE_RECORD, 4)[:1] + bytes([200, 4, 0]),
         "An option longer than the header: no source route can be read behind it (RFC 791, 3.1)."),
        ("zero-length", bytes([ALERT, 0, LOOSE, 7]), "An option of length 0 ends the walk (RFC 791, 3.1)."),
        ("cut-short", bytes([NOP, NOP, ALERT, 4]), "An option whose content is beyond the header (RFC 791, 3.1)."),
        ("route-without-pointer", bytes([LOOSE, 2, NOP, NOP]), "A source route without a pointer is none (RFC 791, 3.1)."),
    )
    for name, options, sentence in cases:
        yield stateless(f"ipv4-options-{name}", sentence, 4, craft.tcp(), inner={"options": filled(options)})


def ipv4_source_routes():
    """The pseudo-header of a routed packet has the final destination, which nobody translates here."""
    pending = "The route has a hop left: the sum covers the last hop, not the destination (RFC 1122, 4.1.3.2 and 4.2.3.8)."
    used = "The route is used up: the destination is the last one, and in the sum (RFC 791, 3.1)."
    for kind, name in (LOOSE, "loose"), (STRICT, "strict"):
        for body, protocol in (craft.tcp(), "tcp"), (craft.udp(), "udp"):
            yield stateless(f"ipv4-{name}-route-pending-{protocol}", pending, 4, body, inner={
                "options": filled(bytes([NOP]) + source_route(kind, 4, HOP[4])), "final": HOP[4]})
        yield stateless(f"ipv4-{name}-route-used", used, 4, craft.tcp(),
                        inner={"options": filled(source_route(kind, 8, "198.51.100.2"))})


def hops(side):
    """(the firewall, a hop that no map knows, the server)"""
    return side[4].firewall, HOP[4], side[4].server


def record_route(pointer, *slots, end=0):
    return option(ROUTE_RECORD, pointer, *b"".join(map(craft.address, slots)), *bytes(end))


def timestamp(pointer, flag, *slots):
    return option(TIMESTAMP, pointer, 0x50 | flag, *b"".join(craft.address(slot) + craft.TEXT[:4] for slot in slots))


def recorded_options():
    """(name, what the options are for these three hops, what they show)"""
    nop, zero = bytes([NOP]), "0.0.0.0"
    yield "record-route", lambda f, h, s: nop + record_route(16, f, h, s, zero), "Routers have written themselves"
    yield "record-route-odd", lambda f, h, s: record_route(12, f, h, zero), "At an odd distance"
    yield "record-route-full", lambda f, h, s: nop + record_route(255, s, f), "A pointer beyond the end: all is filled in"
    yield "record-route-cut", lambda f, h, s: nop + record_route(11, f, end=3), "The last one is cut"
    yield "timestamp-addresses", lambda f, h, s: timestamp(29, 1, f, h, s, zero), "Routers have written themselves"
    yield "timestamp-given", lambda f, h, s: timestamp(13, 3, f, h, s), "The sender gives all routers"
    yield "timestamp-odd", lambda f, h, s: nop + timestamp(13, 1, f, zero), "At an odd distance"
    yield "two", lambda f, h, s: record_route(8, f) + timestamp(13, 1, s), "Two options"
    yield "loose-route", lambda f, h, s: nop + source_route(LOOSE, 12, f, h), "A route that is used up"
    yield "strict-route", lambda f, h, s: nop + source_route(STRICT, 12, f, h), "A route that is used up"


def recorded():
    """Addresses in options: of both headers by the maps of sources, or else by those of hosts."""
    for name, make, what in recorded_options():
        def quote(side, inner):
            return packet(4, CLIENT[4], "198.51.100.9", craft.udp(), options=filled(make(*hops(inner))))
        sentence = f"{what} (RFC 791, 3.1; RFC 1812, 5.2.4)."
        yield Golden(f"ipv4-hops-{name}-quoted", sentence,
                     *(error(4, side[4].firewall, quote(side, side)) for side in (PRIVATE, PUBLIC)), "both", MAPS[4])
        plain = packet(4, CLIENT[4], "198.51.100.9", craft.udp())
        yield Golden(f"ipv4-hops-{name}-outer", sentence + " The error has the options of the packet (RFC 1122, 3.2.2.8).",
                     *(error(4, PUBLIC[4].firewall, plain, options=filled(make(*hops(side)))) for side in (PRIVATE, PUBLIC)),
                     "outer", MAPS[4])
        yield Golden(f"ipv4-hops-{name}-inner", sentence,
                     *(error(4, PUBLIC[4].firewall, quote(None, side)) for side in (PRIVATE, PUBLIC)), "inner", MAPS[4])


def recorded_parts():
    """Which map holds for whom."""
    maps = ("192.168.42.1 -> 1.2.3.1 outer", "192.168.42.1 -> 1.2.9.1 inner", "192.168.1.0/24 -> 1.2.3.0/24 inner")
    def side(firewall, server, options):
        return error(4, firewall, packet(4, CLIENT[4], server, craft.tcp(), options=filled(options)), options=filled(options))
    def route(firewall, server):
        return bytes([NOP]) + record_route(12, firewall, server)
    yield Golden("ipv4-hops-parts", "A router is who errors come from: the maps of the outer source hold, else those of hosts "
                 "(RFC 791, 3.1).", side("192.168.42.1", "192.168.1.20", route("192.168.42.1", "192.168.1.20")),
                 side("1.2.3.1", "1.2.3.20", route("1.2.3.1", "1.2.3.20")), "both", maps)
    for name, first, second, options in (
            ("loose", PRIVATE, PUBLIC, lambda f, s: source_route(LOOSE, 4, f, HOP[4], s)),
            ("strict", PRIVATE, PUBLIC, lambda f, s: bytes([NOP]) + source_route(STRICT, 8, f, s)),
            ("cut", PRIVATE, PUBLIC, lambda f, s: option(LOOSE, 4, *craft.address(f), *craft.address(s), 1, 2))):
        for body, protocol in (craft.udp(), "udp"), (craft.icmp(), "icmp"):
            yield Golden(f"ipv4-hops-{name}-final-{protocol}", "The last hop of a route that is left is in the transport's "
                         "sum (RFC 1122, 4.1.3.2).", *(
                             error(4, where[4].firewall, packet(
                                 4, CLIENT[4], "198.51.100.9", body, final=where[4].server,
                                 options=filled(options(where[4].firewall, where[4].server))))
                             for where in (first, second)), "both", MAPS[4])
    yield Golden("ipv4-hops-two-routes", "Of two source routes, the first one counts (RFC 791, 3.1).", *(
        error(4, where[4].firewall, packet(4, CLIENT[4], "198.51.100.9", craft.udp(), final=where[4].server, options=filled(
            source_route(LOOSE, 4, where[4].server) + source_route(STRICT, 4, where[4].firewall))))
        for where in (PRIVATE, PUBLIC)), "both", MAPS[4])


def recorded_nothing():
    """What looks like an address, and is none."""
    private = craft.address(PRIVATE[4].firewall)
    for name, options in (
            ("room", option(ROUTE_RECORD, 4, *private) + bytes([NOP])),
            ("pointer-0", option(ROUTE_RECORD, 0, *private) + bytes([NOP])),
            ("times", option(TIMESTAMP, 9, 0, *private)),
            ("room-for-times", option(TIMESTAMP, 5, 1, *private, *private)),
            ("half", option(TIMESTAMP, 255, 3, *private)),
            ("no-flags", option(TIMESTAMP, 5) + bytes([NOP])),
            ("other", bytes([NOP]) + option(148, 4, *private)),
            ("length-1", bytes([148, 1, 7, 7, 8]) + private)):
        quote = packet(4, CLIENT[4], "198.51.100.9", craft.udp(), options=filled(options))
        yield Golden(f"ipv4-no-hop-{name}", "There is no address in it (RFC 791, 3.1).",
                     *(error(4, side[4].firewall, quote, options=filled(options)) for side in (PRIVATE, PUBLIC)), "outer",
                     MAPS[4])


def recorded_leaks():
    """What no map knows, and what becomes of it where the quote is not sound."""
    leak, plain = filled(bytes([NOP]) + record_route(8, "10.9.8.7")), packet(4, CLIENT[4], "198.51.100.9", craft.udp())
    quote = packet(4, CLIENT[4], "198.51.100.9", craft.udp(), options=leak)
    said = "A private address in an option without a map (RFC 1918, 3)."
    for name, outcome, inner, options in (("outer", "leaked-outer", plain, leak), ("inner", "leaked-inner", quote, b"")):
        yield Golden(f"ipv4-hops-leaked-{name}", said, *(error(4, side[4].firewall, inner, options=options)
                                                         for side in (PRIVATE, PUBLIC)), outcome, MAPS[4])
    cut = [error(4, side[4].firewall, plain[:19], options=filled(bytes([NOP]) + record_route(8, side[4].firewall)))
           for side in (PRIVATE, PUBLIC)]
    yield Golden("ipv4-hops-outer-of-a-cut-quote", "The outer header does not depend on the quote (RFC 5508, REQ-3a).", *cut,
                 "inner-header", MAPS[4])


def routed_source():
    """The source of a routed packet is in its sum, wherever it is going."""
    sides = (error(4, side[4].firewall, packet(4, side[4].server, CLIENT[4], craft.tcp(443, 40000), final=HOP[4],
                                               options=filled(source_route(LOOSE, 4, HOP[4]))))
             for side in (PRIVATE, PUBLIC))
    yield Golden("ipv4-loose-route-pending-source", "The source is in the sum although the destination is not (RFC 1122, "
                 "4.2.3.8).", *sides, "both", MAPS[4])
    chain = [(craft.ROUTING, craft.routing(2, 1, HOP[6]))]
    sides = (error(6, side[6].firewall, packet(6, side[6].server, CLIENT[6], craft.tcp(443, 40000), final=HOP[6],
                                               chain=chain)) for side in (PRIVATE, PUBLIC))
    yield Golden("ipv6-routing-pending-source", "The source is in the sum although the destination is not (RFC 8200, "
                 "8.1).", *sides, "both", MAPS[6])


def ipv6_chains():
    walked = "Extension headers are walked to the transport (RFC 8200, 4)."
    options = craft.padded_options
    hop, dest = (craft.HOP_BY_HOP, options()), (craft.DESTINATION, options(2))
    first = (craft.FRAGMENT, craft.fragment_header(0, 1))
    used = (craft.ROUTING, craft.routing(2, 0, "2001:db8:f::9"))
    cases = (
        ("hop-by-hop", [hop], walked),
        ("destination", [dest], walked),
        ("mobility", [(craft.MOBILITY, options())], "A Mobility header has the same shape (RFC 6275, 6.1)."),
        ("hip", [(craft.HIP, options())], "A HIP header has the same shape (RFC 7401, 5.1)."),
        ("shim6", [(craft.SHIM6, options())], "A Shim6 header has the same shape (RFC 5533, 5.1)."),
        ("routing-used", [used], "A routing header without segments left: the destination is the last (RFC 8200, 8.1)."),
        ("all", [hop, dest, used, first, dest], walked),
        ("longest", [(craft.DESTINATION, options(32))], "The length of a header counts units of 8 bytes (RFC 8200, 4.6)."),
    )
    for name, chain, sentence in cases:
        yield stateless(f"ipv6-chain-{name}", sentence, 6, craft.tcp(), inner={"chain": chain})


def ipv6_routes():
    pending = "Segments left: the sum covers the last one, not the destination (RFC 8200, 8.1)."
    for kind in 2, 4:
        for body, protocol in (craft.tcp(), "tcp"), (craft.icmpv6(), "icmpv6"):
            yield stateless(f"ipv6-routing-{kind}-pending-{protocol}", pending, 6, body, inner={
                "chain": [(craft.ROUTING, craft.routing(kind, 1, HOP[6]))], "final": HOP[6]})


def routed_addresses():
    """Addresses in routing headers, by the maps of hosts."""
    final = "The last segment is in the transport's sum (RFC 8200, 8.1)."
    for name, make in (("0", lambda via, last: craft.routing(0, 2, via, last)),
                       ("4", lambda via, last: craft.routing(4, 2, last, via)),
                       ("2", lambda via, last: craft.routing(2, 1, last))):
        for left, said in (True, final), (False, "Without segments left only the destination is (RFC 8200, 8.1)."):
            sides = []
            for side in PRIVATE, PUBLIC:
                header = make(side[6].firewall, side[6].server)
                header = header if left else header[:3] + bytes(1) + header[4:]
                sides.append(error(6, side[6].firewall, packet(
                    6, CLIENT[6], HOP[6], craft.udp(), final=side[6].server if left else None,
                    chain=[(craft.HOP_BY_HOP, craft.padded_options()), (craft.ROUTING, header)])))
            yield Golden(f"ipv6-segments-{name}-{'left' if left else 'used'}", said, *sides, "both", MAPS[6])


def routed_otherwise():
    """What routing headers hold is not always what it seems."""
    def side(side, header, more=(), cut=None):
        return error(6, side[6].firewall, packet(6, CLIENT[6], HOP[6], craft.udp(), chain=[(craft.ROUTING, header), *more])[:cut])

    def same(name, sentence, outcome, *arguments, **keywords):
        return Golden(f"ipv6-segments-{name}", sentence, side(PRIVATE, *arguments, **keywords),
                      side(PUBLIC, *arguments, **keywords), outcome, MAPS[6])
    private = PRIVATE[6].server
    yield same("leaked", "A private address without a map (RFC 4193, 4.3).", "leaked-inner", craft.routing(2, 0, "fd99::1"))
    yield same("mapped", "An IPv4-mapped address is not for the wire (RFC 4038, 4.2).", "leaked-inner",
               craft.routing(2, 0, "::ffff:192.168.1.20"))
    yield same("compressed", "Type 3 has no whole addresses (RFC 6554, 3).", "outer", craft.routing(3, 0, private))
    yield same("empty", "A routing header without an address (RFC 8200, 4.4).", "outer", craft.routing(2, 1))
    yield same("none-of-0", "A routing header without an address (RFC 8200, 4.4).", "outer", craft.routing(0, 1))
    yield same("fewer", "The last entry says how many there are; what follows is something else (RFC 8754, 2).", "outer",
               craft.routing(4, 0, HOP[6], private)[:4] + bytes(1) + craft.routing(4, 0, HOP[6], private)[5:])
    yield same("more", "The last entry points beyond the header (RFC 8754, 2).", "outer",
               craft.routing(4, 0, HOP[6])[:4] + bytes([9]) + craft.routing(4, 0, HOP[6])[5:])
    yield same("cut", "An address of which a part is quoted (RFC 4443, 2.4c).", "outer", craft.routing(2, 0, private),
               cut=40 + 8 + 15)
    yield same("cut-before", "No address is quoted (RFC 4443, 2.4c).", "outer", craft.routing(2, 0, private), cut=40 + 8)
    yield same("cut-behind", "The next header is cut (RFC 4443, 2.4c).", "outer", craft.routing(2, 0, HOP[6]),
               [(craft.DESTINATION, craft.padded_options())], cut=40 + 24 + 7)
    yield same("behind-fragment", "Behind the header of a later fragment nothing is a header (RFC 8200, 4.5).", "outer",
               craft.routing(2, 0, HOP[6]), [(craft.FRAGMENT, craft.fragment_header(9, 0)),
                                             (craft.ROUTING, craft.routing(2, 0, private))])
    yield Golden("ipv6-segments-two", "Of two routing headers that are not used up, the first one counts (RFC 8200, 4.4).", *(
        error(6, side[6].firewall, packet(6, CLIENT[6], HOP[6], craft.udp(), final=side[6].server, chain=[
            (craft.ROUTING, craft.routing(2, 1, side[6].server)), (craft.FRAGMENT, craft.fragment_header(0, 0)),
            (craft.ROUTING, craft.routing(2, 1, side[6].firewall))])) for side in (PRIVATE, PUBLIC)), "both", MAPS[6])
    for name, source, hop, outcome in (("", PRIVATE, (PRIVATE, PUBLIC), "outer"), ("-leaked", PRIVATE, None, "leaked-outer")):
        sides = []
        for i, where in enumerate((PRIVATE, PUBLIC)):
            message = error(6, where[6].firewall, packet(6, CLIENT[6], HOP[6], craft.udp()))
            address = hop[i][6].firewall if hop else "fd99::1"
            sides.append(packet(6, where[6].firewall, CLIENT[6], craft.opaque(craft.ICMPV6_, message[40:]),
                                chain=[(craft.ROUTING, craft.routing(2, 0, address))]))
        yield Golden(f"ipv6-segments-outer{name}", "The outer header may have segments, too (RFC 8200, 4.4).", *sides, outcome,
                     MAPS[6])


def cut_chains():
    """The transport header, or a header before it, is not quoted: nothing can be wrong there."""
    chain = [(craft.HOP_BY_HOP, craft.padded_options()), (craft.DESTINATION, craft.padded_options(3))]
    for at, where in ((40, "before-it"), (44, "in-the-first"), (48, "between"), (60, "in-the-second"), (72, "behind-it")):
        yield stateless(f"ipv6-chain-cut-{where}", "The chain is cut short: only the addresses (RFC 4443, 2.4c).", 6,
                        craft.tcp(), inner={"chain": chain}, cut=at)


def fragments():
    later = "A later fragment has no transport header: only the addresses (RFC 791, 3.2)."
    yield stateless("ipv4-fragment-first", "The first fragment has the ports and the sum of the whole (RFC 791, 3.2).",
                    4, craft.udp(data=craft.TEXT * 3), inner={"fragment": 0x2000})
    yield stateless("ipv4-fragment-later", later, 4, craft.opaque(craft.UDP_, craft.TEXT * 3), inner={"fragment": 0x2010})
    yield stateless("ipv4-fragment-last", later, 4, craft.opaque(craft.TCP_, craft.TEXT), inner={"fragment": 0x0010})
    yield stateless("ipv4-df", "The quoted packet's own DF is its sender's and stays (RFC 5508, 4.2).", 4, craft.tcp(),
                    inner={"fragment": 0x4000})
    yield stateless("ipv6-fragment-first", "The first fragment has the ports and the sum of the whole (RFC 8200, 4.5).",
                    6, craft.udp(data=craft.TEXT * 3), inner={"chain": [(craft.FRAGMENT, craft.fragment_header(0, 1))]})
    yield stateless("ipv6-fragment-later", "A later fragment has no transport header (RFC 8200, 4.5).", 6,
                    craft.opaque(craft.UDP_, craft.TEXT), inner={"chain": [(craft.FRAGMENT, craft.fragment_header(9, 0))]})
    yield stateless("ipv6-fragment-atomic", "A fragment header of a whole packet (RFC 6946, 4).", 6, craft.tcp(),
                    inner={"chain": [(craft.FRAGMENT, craft.fragment_header(0, 0))]})


def goldens():
    for part in (ipv4_options, ipv4_source_routes, recorded, recorded_parts, recorded_nothing, recorded_leaks, routed_source,
                 ipv6_chains, ipv6_routes, routed_addresses, routed_otherwise, cut_chains, fragments):
        yield from part()
