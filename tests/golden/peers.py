# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Errors to private neighbours: the destination that the quoted packet was sent to says by which addresses they know
us."""
import craft
from flows import flow
from headers import filled, record_route
from scene import MAPS, PRIVATE, PUBLIC, Golden, error, packet, untouched

PEER = {4: "100.64.0.10", 6: "fd64::10"}       # no map is about it
WEB = {4: "1.2.3.50", 6: "2001:db8:1::50"}     # a server without NAT
INSIDE = {4: "192.168.77.5", 6: "fd00:77::5"}  # .. without a public name
SAME = "A private neighbour must see the private address that it sent to"
AS_OTHERS = "A private neighbour that sent to a public address must see public ones, as others (RFC 5508, 4.2, REQ-7)."


def about(version, source, destination, peer=None, quoted_source=None, body=None):
    """From the firewall's address `source` to the peer, about its packet to the destination."""
    peer = peer or PEER[version]
    return error(version, source, packet(version, quoted_source or peer, destination, body or craft.udp()), peer)


def left_alone():
    for version in 4, 6:
        private = PRIVATE[version]
        neighbour = {4: "192.168.42.254", 6: "fd42::fe"}[version]
        yield untouched(f"ipv{version}-private-peer", SAME + ".", version,
                        about(version, private.firewall, INSIDE[version], neighbour), "private-peer")
        yield untouched(f"ipv{version}-private-peer-own", SAME + ": it is this host's, although it has a map.", version,
                        about(version, private.firewall, private.firewall, neighbour), "private-peer")
        yield untouched(f"ipv{version}-private-peer-leave", "private_peers = leave: whatever it sent to.", version,
                        about(version, private.firewall, WEB[version]), "private-peer", private_peers="leave")
        sent = (PEER[version], 40000, private.server, 53)
        answer = (private.server, 53, PEER[version], 40000)
        yield untouched(f"ipv{version}-private-peer-flow", SAME + ": a flow without NAT says so, not the map.", version,
                        about(version, private.firewall, private.server, body=craft.udp(40000, 53)), "private-peer",
                        flow=flow("udp", sent, answer))
        sent = (PEER[version], 40000, INSIDE[version], 53)
        yield untouched(f"ipv{version}-private-peer-nat", SAME + ": a flow with NAT says which.", version,
                        about(version, private.firewall, private.server, body=craft.udp(40000, 53)), "private-peer",
                        flow=flow("udp", sent, answer))
        identity = f"{private.server} -> {private.server}"
        yield untouched(f"ipv{version}-private-peer-exception", SAME + ": a map that changes nothing says so.", version,
                        about(version, private.firewall, private.server), "private-peer",
                        maps=(*MAPS[version], identity))


def as_others():
    for version in 4, 6:
        private, public = PRIVATE[version], PUBLIC[version]
        for name, before, after, outcome in (
                ("public", (private.firewall, WEB[version]), (public.firewall, WEB[version]), "outer"),
                ("stateless", (private.firewall, private.server), (public.firewall, public.server), "both"),
                ("right", (public.firewall, WEB[version]), (public.firewall, WEB[version]), "already-right"),
                ("leaked", (INSIDE[version], WEB[version]), (INSIDE[version], WEB[version]), "leaked-outer")):
            yield Golden(f"ipv{version}-peer-{name}", AS_OTHERS, about(version, *before), about(version, *after), outcome,
                         MAPS[version])
        tuples = (PEER[version], 40000, WEB[version], 8080), (INSIDE[version], 80, PEER[version], 40000)
        before = about(version, private.firewall, INSIDE[version], body=craft.tcp(40000, 80))
        after = about(version, public.firewall, WEB[version], body=craft.tcp(40000, 8080))
        yield Golden(f"ipv{version}-peer-nat", AS_OTHERS, before, after, "both", MAPS[version],
                     flow=flow("tcp", *tuples))
        inside = {4: "192.168.1.30", 6: "fd00:1::30"}[version]
        yield Golden(f"ipv{version}-peer-mapped", "Nobody is known to himself by another name: the source of the quoted "
                     "packet stays, although a map is about it (RFC 5508, 4.2, REQ-4).",
                     about(version, private.firewall, private.server, inside),
                     about(version, public.firewall, public.server, inside), "both", MAPS[version])
        yield Golden(f"ipv{version}-peer-of-another", "A private address in the quote that is not the neighbour's own is "
                     "a leak (RFC 1918, 3; RFC 4193, 4.3).",
                     about(version, private.firewall, WEB[version], quoted_source=INSIDE[version]),
                     about(version, public.firewall, WEB[version], quoted_source=INSIDE[version]), "leaked-inner",
                     MAPS[version])
    for name, peer in ("unknown", PEER[4]), ("mapped", "192.168.1.30"):
        def recorded(side, peer=peer):
            options = filled(record_route(12, peer, side.firewall, "0.0.0.0"))
            return error(4, side.firewall, packet(4, peer, WEB[4], craft.udp(), options=options), peer, options=options)
        yield Golden(f"ipv4-peer-recorded-{name}", "Nor is a router that has recorded the route, and gets the error.",
                     recorded(PRIVATE[4]), recorded(PUBLIC[4]), "both", MAPS[4])
    text = flow("udp", (PEER[4], 40000, PRIVATE[4].server, 53), (PRIVATE[4].server, 53, PEER[4], 40000))
    yield Golden("ipv4-peer-never-asked", "lookup = never: the maps say what a private neighbour sent to.",
                 about(4, PRIVATE[4].firewall, PRIVATE[4].server, body=craft.udp(40000, 53)),
                 about(4, PUBLIC[4].firewall, PUBLIC[4].server, body=craft.udp(40000, 53)), "both", MAPS[4], flow=text,
                 lookup="never")
    yield untouched("ipv4-peer-not-outside", "It leaves by an interface that is not outside.", 4,
                    about(4, PRIVATE[4].firewall, WEB[4]), "not-outside", leaves="inside", private_peers="leave")


def goldens():
    yield from left_alone()
    yield from as_others()
