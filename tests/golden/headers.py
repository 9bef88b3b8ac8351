# SPDX-License-Identifier: GPL-2.0-or-later
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
    for part in ipv4_options, ipv4_source_routes, routed_source, ipv6_chains, ipv6_routes, cut_chains, fragments:
        yield from part()
