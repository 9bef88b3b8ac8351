# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Connections that the kernel's NAT translates: the quote is given the tuple that its sender used."""
import craft
from scene import CLIENT, MAPS, PRIVATE, PUBLIC, Golden, error, packet

FORWARDED = {4: "198.51.100.7", 6: "2001:db8:7::7"}  # what the client connects to, or the server's NAT shows
RESTORED = "The quote is what the sender sent: addresses and ports as before the NAT (RFC 5508, 4.2, REQ-4 and 5)."


def tuple_text(source, sport, destination, dport):
    return f"{source} {sport} {destination} {dport}"


def flow(protocol, original, reply):
    return f"{protocol} {tuple_text(*original)} | {tuple_text(*reply)}"


def pair(name, sentence, version, before, after, flow_text, outcome="both", cut=None, maps=None, lookup="auto",
         outer=(PRIVATE, PUBLIC)):
    """before and after: the packet that is quoted, seen from inside and from its sender."""
    data = (error(version, side[version].firewall, quote[:cut]) for side, quote in zip(outer, (before, after)))
    return Golden(name, sentence, *data, outcome, MAPS[version] if maps is None else maps, flow_text, lookup=lookup)


def forwarded(version, body, sport, dport, inner_dport):
    """The client's packet inside and outside of a forwarded port, and its flow."""
    client, server, public = CLIENT[version], PRIVATE[version].server, FORWARDED[version]
    return (packet(version, client, server, body(sport, inner_dport)), packet(version, client, public, body(sport, dport)),
            ((client, sport, public, dport), (server, inner_dport, client, sport)))


BODIES = (("tcp", craft.tcp), ("udp", craft.udp), ("udplite", craft.udplite), ("dccp", craft.dccp),
          ("sctp", craft.sctp))


def port_forwarding():
    for version in 4, 6:
        for protocol, body in BODIES:
            before, after, tuples = forwarded(version, body, 40000, 8080, 80)
            yield pair(f"ipv{version}-dnat-{protocol}", RESTORED, version, before, after, flow(protocol, *tuples))
    before, after, tuples = forwarded(4, craft.tcp, 40000, 80, 80)
    yield pair("ipv4-dnat-address-only", RESTORED, 4, before, after, flow("tcp", *tuples))
    client, public = CLIENT[4], "1.2.3.20"
    for name, before, after in (("destination", (40000, 80), (40000, 8080)), ("source", (1024, 80), (40000, 80))):
        text = flow("tcp", (client, after[0], public, after[1]), (public, before[1], client, before[0]))
        yield pair(f"ipv4-nat-{name}-port-only", "A NAT of nothing but a port (RFC 5508, 4.2, REQ-4).", 4,
                   packet(4, client, public, craft.tcp(*before)), packet(4, client, public, craft.tcp(*after)), text,
                   lookup="always")
    before, after, tuples = forwarded(4, craft.tcp, 40000, 8080, 80)
    yield pair("ipv4-dnat-tcp-8-bytes", "8 bytes have the ports, which is all that is needed (RFC 792).", 4, before,
               after, flow("tcp", *tuples), cut=28)
    yield pair("ipv4-dnat-already-translated", "The kernel's NAT was there before us: only the outer source is left "
               "(RFC 5508, 4.2, REQ-5c).", 4, after, after, flow("tcp", *tuples), outcome="outer", lookup="always")
    before, after, tuples = forwarded(4, lambda *ports: craft.udp(*ports, has_sum=False), 40000, 5353, 53)
    yield pair("ipv4-dnat-udp-no-sum", "UDP without a sum stays without (RFC 768).", 4, before, after,
               flow("udp", *tuples))


def sctp():
    """CRC32c is linear: what a port changes in it does not depend on the bytes that are not quoted."""
    linear = "The CRC is that of the packet that was sent, from however little of it is quoted (RFC 9260, 6.8)."
    before, after, tuples = forwarded(4, lambda *ports: craft.sctp(*ports, data=craft.TEXT * 20), 40000, 8080, 80)
    yield pair("ipv4-dnat-sctp-12-bytes", linear, 4, before, after, flow("sctp", *tuples), cut=32)
    yield pair("ipv4-dnat-sctp-8-bytes", "No CRC is quoted (RFC 792).", 4, before, after, flow("sctp", *tuples), cut=28)
    yield pair("ipv4-dnat-sctp-11-bytes", "A part of a CRC cannot be kept right: it stays.", 4, before[:31], after[:28]
               + before[28:31], flow("sctp", *tuples))
    client, server, public = CLIENT[4], PRIVATE[4].server, FORWARDED[4]
    first = craft.sctp(40000, 80, craft.TEXT * 20)(client, server)[:64]
    moved = first[:2] + (8080).to_bytes(2, "big") + first[4:]
    yield pair("ipv4-dnat-sctp-fragment", "Of a fragment nobody knows how much the CRC covers: it stays (RFC 791, 3.2).",
               4, packet(4, client, server, craft.opaque(craft.SCTP_, first), fragment=0x2000),
               packet(4, client, public, craft.opaque(craft.SCTP_, moved), fragment=0x2000), flow("sctp", *tuples))
    linear6 = "A fragment header of a whole packet: the CRC is known and follows (RFC 6946, 4; RFC 9260, 6.8)."
    chain = [(craft.FRAGMENT, craft.fragment_header(0, 0))]
    sides = (packet(6, CLIENT[6], address, craft.sctp(40000, port), chain=chain)
             for address, port in ((PRIVATE[6].server, 80), (FORWARDED[6], 8080)))
    yield pair("ipv6-dnat-sctp-atomic-fragment", linear6, 6, *sides,
               flow("sctp", *forwarded(6, craft.sctp, 40000, 8080, 80)[2]))


def half_way():
    """Source and destination are translated by two hooks, and an error may arise between them."""
    client, server, public, firewall = CLIENT[4], PRIVATE[4].server, FORWARDED[4], "192.168.1.1"
    text = flow("tcp", (client, 40000, public, 8080), (server, 80, firewall, 1024))
    yield pair("ipv4-full-nat-half-way", "The destination is translated already, the source not yet. " + RESTORED, 4,
               packet(4, client, server, craft.tcp(40000, 80)), packet(4, client, public, craft.tcp(40000, 8080)), text)
    yield pair("ipv4-full-nat-half-way-answer", "An answer whose destination is translated already, its source not yet: "
               "it is shown as the server sent it (RFC 5508, 4.2).", 4,
               packet(4, server, client, craft.tcp(80, 40000)), packet(4, server, firewall, craft.tcp(80, 1024)), text,
               outcome="leaked-inner")


def answers():
    """Errors about packets of the reply direction, and of connections made from inside."""
    client, server, public = CLIENT[4], PRIVATE[4].server, FORWARDED[4]
    snat = flow("tcp", (server, 40000, client, 80), (client, 80, public, 61000))
    before, after = packet(4, client, server, craft.tcp(80, 40000)), packet(4, client, public, craft.tcp(80, 61000))
    yield pair("ipv4-snat-answer", "An error about the answer to a masqueraded connection. " + RESTORED, 4, before,
               after, snat)
    request = packet(4, public, client, craft.tcp(61000, 80))
    original = packet(4, server, client, craft.tcp(40000, 80))
    yield pair("ipv4-snat-request", "An error about the request, seen behind the NAT. " + RESTORED, 4, request, original,
               snat, outcome="leaked-inner", lookup="always")
    dnat = flow("tcp", (client, 40000, public, 8080), (server, 80, client, 40000))
    yield pair("ipv4-dnat-answer", "An error about the server's answer, seen behind the NAT, is shown to its sender "
               "as it was sent (RFC 5508, 4.2).", 4, packet(4, public, client, craft.tcp(8080, 40000)),
               packet(4, server, client, craft.tcp(80, 40000)), dnat, outcome="leaked-inner", lookup="always")
    full = flow("udp", (client, 40000, public, 53), (server, 5353, "192.168.1.1", 1024))
    yield pair("ipv4-full-nat", "Source and destination are translated, both ports too. " + RESTORED, 4,
               packet(4, "192.168.1.1", server, craft.udp(1024, 5353)), packet(4, client, public, craft.udp(40000, 53)),
               full)


def icmp_text(source, destination, kind, identifier):
    return f"{source} {destination} type {kind} code 0 id {identifier}"


def queries():
    for version, protocol, body, request, reply in (4, "icmp", craft.icmp, 8, 0), (6, "icmpv6", craft.icmpv6, 128, 129):
        client, server, public = CLIENT[version], PRIVATE[version].server, FORWARDED[version]
        text = (f"{protocol} {icmp_text(client, public, request, 77)} | {icmp_text(server, client, reply, 99)}")
        yield pair(f"ipv{version}-dnat-echo", "The identifier of an echo is its port (RFC 5508, 3.1 and 4.2).", version,
                   packet(version, client, server, body(request, 99)), packet(version, client, public, body(request, 77)),
                   text)
        text = (f"{protocol} {icmp_text(server, client, request, 99)} | {icmp_text(client, public, reply, 77)}")
        yield pair(f"ipv{version}-snat-echo-reply", "An error about the answer to a ping from inside (RFC 5508, 4.2).",
                   version, packet(version, client, server, body(reply, 99)),
                   packet(version, client, public, body(reply, 77)), text)
    client, server, public = CLIENT[4], PRIVATE[4].server, FORWARDED[4]
    for kind, answer, name in (13, 14, "timestamp"), (17, 18, "address-mask"):
        text = f"icmp {icmp_text(client, public, kind, 77)} | {icmp_text(server, client, answer, 99)}"
        yield pair(f"ipv4-dnat-{name}", "Other queries have an identifier at the same place (RFC 792; RFC 950).", 4,
                   packet(4, client, server, craft.icmp(kind, 99)), packet(4, client, public, craft.icmp(kind, 77)), text)


def others():
    """Protocols without ports: the addresses of the flow."""
    for version in 4, 6:
        client, server, public = CLIENT[version], PRIVATE[version].server, FORWARDED[version]
        for name, body in ("gre", craft.gre), ("esp", craft.esp), ("253", craft.unknown):
            yield pair(f"ipv{version}-dnat-{name}", "Without ports only the addresses are restored (RFC 5508, 4.2).",
                       version, packet(version, client, server, body), packet(version, client, public, body),
                       flow(name, (client, 0, public, 0), (server, 0, client, 0)))


def the_maps_apply():
    """Where the flow does not say anything the maps do."""
    client, server, public = CLIENT[4], PRIVATE[4].server, PUBLIC[4].server
    before, after = (packet(4, client, address, craft.tcp(40000, 80)) for address in (server, public))
    plain = flow("tcp", (client, 40000, server, 80), (server, 80, client, 40000))
    yield pair("ipv4-flow-without-nat", "A flow without NAT says no public address: the maps do.", 4, before, after, plain)
    for version, protocol, body, request, reply in (4, "icmp", craft.icmp, 8, 0), (6, "icmpv6", craft.icmpv6, 128, 129):
        ends = CLIENT[version], PRIVATE[version].server
        text = f"{protocol} {icmp_text(*ends, request, 99)} | {icmp_text(*ends[::-1], reply, 99)}"
        queries = (packet(version, ends[0], side[version].server, body(request, 99)) for side in (PRIVATE, PUBLIC))
        yield pair(f"ipv{version}-flow-without-nat-echo", "The answer to an echo request is an echo reply: no NAT, and "
                   "the maps apply (RFC 792; RFC 4443, 4).", version, *queries, text)
    foreign = flow("tcp", (client, 1, FORWARDED[4], 2), ("192.168.1.99", 2, client, 1))
    yield pair("ipv4-flow-of-others", "A flow that the quoted packet does not belong to says nothing.", 4, before, after,
               foreign)
    for field, tuples in (("source", (("203.0.113.11", 40000, FORWARDED[4], 80), (server, 80, "203.0.113.11", 40000))),
                          ("port", ((client, 40001, FORWARDED[4], 80), (server, 80, client, 40001)))):
        yield pair(f"ipv4-flow-of-another-{field}", "All of the tuple must agree.", 4, before, after, flow("tcp", *tuples))
    dnat = flow("tcp", (client, 40000, FORWARDED[4], 8080), (server, 80, client, 40000))
    yield pair("ipv4-flow-other-protocol", "All of the tuple must agree, the protocol too.", 4, before, after,
               dnat.replace("tcp", "udp"))
    yield pair("ipv4-flow-never-asked", "lookup = never: the maps only.", 4, before, after, dnat, lookup="never")
    yield pair("ipv4-flow-ports-not-quoted", "The second port is cut: the quote cannot be told from another flow's.", 4,
               before, after, dnat, cut=23)
    fragments = (packet(4, client, address, craft.opaque(craft.TCP_, craft.TEXT), fragment=0x10)
                 for address in (server, public))
    yield pair("ipv4-flow-later-fragment", "A later fragment has no ports and so no tuple (RFC 791, 3.2).", 4,
               *fragments, dnat)
    queries = (packet(4, client, address, craft.icmp(8, 99)) for address in (server, public))
    yield pair("ipv4-flow-identifier-not-quoted", "The identifier is cut: no tuple (RFC 792).", 4, *queries,
               f"icmp {icmp_text(client, FORWARDED[4], 8, 77)} | {icmp_text(server, client, 0, 99)}", cut=25)
    redirected = packet(4, client, "203.0.113.80", craft.tcp(40000, 80))
    yield pair("ipv4-flow-not-needed", "lookup = auto: where no inner address is private or mapped nobody asks.", 4,
               redirected, redirected,
               flow("tcp", (client, 40000, FORWARDED[4], 8080), ("203.0.113.80", 80, client, 40000)), outcome="outer")


def goldens():
    for part in port_forwarding, sctp, half_way, answers, queries, others, the_maps_apply:
        yield from part()
