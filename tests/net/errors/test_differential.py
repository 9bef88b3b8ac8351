# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""The translator makes of an error the same bytes that the kernel's own NAT makes of it. A flow through the
firewall's NAT provokes an error, without the daemon. Of that one error we have the bytes that the kernel emitted (U),
those that left after its own NAT (K), and the tuples of the flow. From U and the tuples the translator makes K: all
bytes of it, IP id and DF included, for it is one packet.

   peer ----- border ----- firewall ----- inside hosts: there only as neighbours
                           U -> NAT -> K

DIFFERENCES lists where the translator deliberately does something else; each must occur wherever it
applies. The outer source is policy: the translator gets a map to the one that the kernel has chosen, and
test_outer_source looks at what happens without.
"""

import struct
from collections import Counter
from dataclasses import dataclass, replace

import pytest

import flows
from differential import (ABSENT, DEAD_ROUTER, EXPIRE, INBOUND, NO_ROUTE, NOBODY_THERE, OUTBOUND, PROTOCOLS,
                          REJECT, TWICE, UNROUTED, Lab, protocols, triggers)
from flows import DATA, DCCP, cut, opening, sum_to_zero, with_extension
from lab.network import FAMILIES
from lab.traffic import Error, header_length
from malformed import SCTP, TCP, sums

FAMILY = {4: "IPv4", 6: "IPv6"}
CASES = [pytest.param(v, nat, id=f"{FAMILY[v]}-{nat.name}") for v in FAMILY for nat in INBOUND + OUTBOUND]
# Bytes of the transport header with which a part of its sum is quoted: nobody can mend that.
HALF_A_SUM = {TCP: (17,), SCTP: (9, 10, 11)}


class Quote:
    """An error as it was emitted, and where the parts of the packet that it quotes lie in it."""

    def __init__(self, nat, flow, emitted, left):
        self.nat, self.protocol, self.size = nat, flow[0].protocol, len(emitted)
        self.portless = flow[0].sport == 0
        self.translated = flow[1] != flow[0].inverse()
        self.icmp_sum, self.begin = header_length(emitted) + 2, header_length(emitted) + 8
        self.changed = emitted[self.begin:] != left[self.begin:]
        inner, v4 = emitted[self.begin:], emitted[0] >> 4 == 4
        extended = not v4 and inner[6] != self.protocol
        self.transport = self.begin + header_length(inner) + (8 if extended else 0)
        length, = struct.unpack("!H", inner[2:4] if v4 else inner[4:6])
        total = self.begin + length + (0 if v4 else 40)
        self.quoted, self.whole = min(total, self.size) - self.transport, total == self.size


@dataclass(frozen=True)
class Difference:
    """applies(quote) says whether it must be there, where(quote) in which bytes besides the ICMP sum.
    restored: the inner packet is then what was sent, all the same."""
    name: str
    reason: str
    applies: object
    where: object
    restored: bool = True


DIFFERENCES = [
    Difference(
        "sctp sum of a part",
        "the kernel recomputes the CRC32c over what is quoted and all behind it (sctp_manip_pkt): a sum of "
        "no packet. The translator changes it by what the ports change, so that it is what the sender sent",
        lambda q: q.protocol == SCTP and q.translated and q.quoted >= 12 and not q.whole,
        lambda q: range(q.transport + 8, q.transport + 12)),
    Difference(
        "tcp sum at the end of a part",
        "the kernel mends it only if the whole header is quoted (tcp_manip_pkt); 18 bytes have it in full",
        lambda q: q.protocol == TCP and 18 <= q.quoted < 20,
        lambda q: range(q.transport + 16, q.transport + 18)),
    Difference(
        "dccp sum of a part",
        "the kernel mends it only if 12 bytes of the header are quoted (dccp_manip_pkt); 8 bytes have it in full",
        lambda q: q.protocol == DCCP and not q.portless and q.translated and 8 <= q.quoted < 12,
        lambda q: range(q.transport + 6, q.transport + 8)),
    Difference(
        "protocol without ports",
        "a kernel that does not track DCCP has its flows without ports, and translates only addresses. "
        "The translator reads ports in a DCCP header, and does not know the flow by them",
        lambda q: q.protocol == DCCP and q.portless and q.changed,
        lambda q: range(q.begin, q.size), restored=False),
    Difference(
        "outer destination",
        "an error about a packet that already has the firewall's own address for a source goes to that "
        "address first. Who gets it is for the kernel to say: the translator never changes it",
        lambda q: q.nat == DEAD_ROUTER,
        lambda q: [*range(10, 12), *range(16, 20)] if q.begin == 28 else range(24, 40)),
]


@pytest.fixture(scope="module")
def lab(network):
    lab = Lab(network)
    yield lab
    lab.close()


@pytest.fixture(scope="module")
def occurred():
    """How often each listed difference has occurred."""
    return Counter()


@pytest.fixture
def compare(lab, occurred):
    """Holds the kernel's translation of one error against ours; returns how many there have been."""
    def compare(nat, flow, emitted, left, sent=None):
        source = Error(left).source
        _, ours = lab.translator(flow, emitted, source)
        quote = Quote(nat, flow, emitted, left)
        expected = [d for d in DIFFERENCES if d.applies(quote)]
        assert_same(ours, left, quote, expected)
        assert lab.translator(flow, ours, source)[1] == ours, "twice is not once"
        assert lab.translator(flow, left)[1] == left, "what the kernel has translated is not left alone"
        assert {**sums(emitted), **sums(ours)} == sums(emitted), "a checksum has become wrong"
        if sent and all(d.restored for d in expected):
            assert Error(ours).quotes(sent), "the inner packet is not what was sent"
        occurred.update(d.name for d in expected)
    return compare


def assert_same(ours, theirs, quote, expected):
    """All bytes but those of the differences that are expected here; each of these occurs."""
    assert len(ours) == len(theirs)
    different = {i for i, pair in enumerate(zip(ours, theirs)) if pair[0] != pair[1]}
    for difference in expected:
        assert different & {*difference.where(quote)}, f"no longer occurs: {difference.name}"
    allowed = {i for d in expected for i in d.where(quote)}
    if expected:
        allowed |= {quote.icmp_sum, quote.icmp_sum + 1}
    assert different <= allowed, f"bytes {sorted(different - allowed)}\n{ours.hex()}\n{theirs.hex()}"


def provoke(lab, compare, nat, name, trigger, flow, step=DATA, reply=False):
    """One packet of a flow, in either direction, and the error about it. Returns whether the kernel
    has changed the error after it had emitted it."""
    from_inside = (nat.behind if reply else nat.opener) is not None
    sent = trigger.build(name, flow[reply], step)
    emitted, left = lab.tap.provoke(lambda: lab.send(sent, from_inside), f"{name}, {trigger.name}")
    error = Error(emitted)
    assert (error.type, error.code) == trigger.type_and_code(4 if sent[0] >> 4 == 4 else 6), trigger.name
    compare(nat, flow, emitted, left, sent)
    return emitted != left


def provoke_new(lab, compare, nat, version, name, trigger):
    """The same for the first packet of a flow that is in no table yet: its tuples follow from the rule."""
    original = lab.fresh(nat, version, name)
    flow = original, nat.first_reply(version, original)
    return provoke(lab, compare, nat, name, trigger, flow, opening(original.protocol)[0][1])


@pytest.mark.parametrize("version, nat", CASES)
def test_new_flow(lab, compare, version, nat):
    """The error about the first packet: nothing but that packet's destination is translated yet."""
    for name in protocols(version, nat):
        for trigger in triggers(version, name, outside=nat.opener is None):
            changed = provoke_new(lab, compare, nat, version, name, trigger)
            assert changed == (nat.behind is not None and not trigger.before_nat(version))


@pytest.mark.parametrize("version, nat", CASES)
def test_established_flow(lab, compare, version, nat):
    """Errors about packets of both directions. The kernel changes those that go to the side which
    does not see the addresses of the inside."""
    for name in protocols(version, nat):
        flow = lab.established(nat, version, name)
        assert flow[1] != flow[0].inverse(), f"no NAT: {flow}"
        assert nat.behind is None or flow[1] == nat.first_reply(version, flow[0]), "the rule says otherwise"
        for reply in False, True:
            outside = (nat.behind if reply else nat.opener) is None
            for trigger in triggers(version, name, outside):
                changed = provoke(lab, compare, nat, name, trigger, flow, reply=reply)
                if not trigger.before_nat(version) and reply == (nat.behind is None):
                    assert changed, "there was nothing to translate"


@pytest.mark.parametrize("version", FAMILY, ids=FAMILY.get)
def test_udp_sum_of_zero(lab, compare, version):
    """A sum that comes out as zero is written as 0xffff: as sent, and as it is inside."""
    nat = INBOUND[0]
    flow = lab.established(nat, version, "udp")
    offset = 26 if version == 4 else 46
    for t in flow[0], flow[1].inverse():
        last = sum_to_zero(flows.build("udp", t), offset)
        assert flows.build("udp", t, last=last)[offset:offset + 2] == b"\xff\xff"
        packet = flows.build("udp", flow[0], hops=1, last=last)
        emitted, left = lab.tap.provoke(lambda: lab.send(packet, False))
        compare(nat, flow, emitted, left, packet)
        assert b"\xff\xff" in (error[len(error) - 26:][:2] for error in (emitted, left))


@pytest.mark.parametrize("version", FAMILY, ids=FAMILY.get)
def test_ports_and_identifiers_change(lab, version):
    """What the tests above rely on: where another host has the port already, a new one is found."""
    conflict, = [nat for nat in OUTBOUND if nat.name == "conflict"]
    for name in protocols(version, conflict):
        original, reply = lab.established(conflict, version, name)
        assert original.sport != reply.dport, (original, reply)


@pytest.mark.parametrize("version", FAMILY, ids=FAMILY.get)
def test_no_route_and_nobody_there(lab, compare, version):
    """Right after the destination's translation, and after all hooks."""
    for name in "tcp", "udp", "sctp", "echo", "esp":  # one host gets five of these at once (ip_error)
        assert provoke_new(lab, compare, UNROUTED, version, name, NO_ROUTE)
    for name in PROTOCOLS[version]:
        assert provoke_new(lab, compare, ABSENT, version, name, NOBODY_THERE)


@pytest.mark.parametrize("version", FAMILY, ids=FAMILY.get)
def test_dead_router(lab, compare, version):
    """The packet has been masqueraded when it turns out that nobody takes it."""
    own = FAMILIES[version == 6].firewall
    for name in "tcp", "udp", "echo":
        original = lab.fresh(DEAD_ROUTER, version, name)
        flow = original, replace(original.inverse(), destination=own)
        assert provoke(lab, compare, DEAD_ROUTER, name, NOBODY_THERE, flow, opening(original.protocol)[0][1])


@pytest.mark.parametrize("version", FAMILY, ids=FAMILY.get)
def test_both_translated(lab, compare, version):
    for name in PROTOCOLS[version]:
        flow = lab.established(TWICE, version, name)
        for trigger in triggers(version, name, outside=True):
            changed = provoke(lab, compare, TWICE, name, trigger, flow)
            assert changed or trigger.before_nat(version)


@pytest.mark.parametrize("version, nat", [case for case in CASES if case.values[1] in INBOUND])
def test_every_length_of_the_quote(lab, compare, version, nat):
    """Quotes of other lengths than the kernel's own, sent by the firewall itself: from 8 bytes of the
    transport header on, and with an extension behind it. The kernel translates them just the same."""
    for name in protocols(version, nat):
        flow = lab.established(nat, version, name)
        packet = EXPIRE.build(name, flow[0])
        emitted, _ = lab.tap.provoke(lambda: lab.send(packet, nat.opener is not None), name)
        quote = Quote(nat, flow, emitted, emitted)
        head, last = quote.transport - quote.begin, quote.size - quote.begin
        for size in range(8, last - head + 1):
            sent = packet if size not in HALF_A_SUM.get(quote.protocol, ()) else None
            compare(nat, flow, *lab.emit(cut(emitted, head + size)), sent)
        for size in head + 8, last:
            compare(nat, flow, *lab.emit(with_extension(emitted, size)))


@pytest.mark.parametrize("version", FAMILY, ids=FAMILY.get)
def test_outer_source(lab, version):
    """The kernel shows the host that the packet was for, the translator what a map says: without
    one, the address that the firewall has sent from. Nothing else depends on it."""
    nat = INBOUND[0]
    for name in "tcp", "udp", "echo":
        flow = lab.established(nat, version, name)
        packet = REJECT.build(name, flow[0])
        emitted, left = lab.tap.provoke(lambda: lab.send(packet, False))
        _, ours = lab.translator(flow, emitted)
        assert Error(left).source == flow[0].destination
        assert Error(ours).source == Error(emitted).source == FAMILIES[version == 6].firewall
        assert Error(ours).inner == Error(left).inner


def test_differences_occurred(request, lab, occurred):
    """Each one of the list, unless only some of the tests have run."""
    ran = {item.function.__name__ for item in request.session.items if item.fspath == request.node.fspath}
    everything = {name for name in globals() if name.startswith("test_")}
    if ran != everything:
        pytest.skip("only some of the tests were asked for")
    elsewhere = "protocol without ports" if lab.tracks_dccp else "dccp sum of a part"
    missing = {d.name for d in DIFFERENCES} - {*occurred, elsewhere}
    assert not missing, f"no longer occurs: {missing}"
