# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""What test_differential.py works with: the firewall's NAT, the flows through it, what provokes errors about
them, and the translator as a program that answers questions."""

import socket
import subprocess
from dataclasses import dataclass, replace

import flows
from flows import DATA, NAMES, WITH_PORTS, opening
from lab.network import FAMILIES
from lab.traffic import addresses, send_frames
from beside import helper
from malformed import ICMP, ICMPV6
from tap import GROUP, Conntrack, Tap, Tuple

FIREWALL_OUTSIDE, FIREWALL_INSIDE, DMZ_MAC = "02:00:00:00:00:04", "02:00:00:00:00:05", "02:00:00:00:00:06"
# IPv6 has no UDP without a sum, and in AH one more extension header
PROTOCOLS = {4: [*NAMES], 6: [n for n in NAMES if n not in ("udp_without_sum", "ipip", "ah")]}
REFUSED, PROHIBITED = 1, 2  # DSCP of a packet that the firewall rejects
HARMLESS = {4: bytes((1, 1, 1, 0)), 6: bytes((60, 0, 1, 4, 0, 0, 0, 0))}
ODD = {4: bytes((7, 7, 3, 0, 0, 0, 0, 0)), 6: bytes((0, 0, 0x80, 4, 0, 0, 0, 0))}  # a parameter problem

RULES = """
table {ip} differential {{
    chain tap {{
        type filter hook output priority mangle - 1;
        {types} log group {group} snaplen 65535
    }}
    chain triggers {{
        type filter hook forward priority filter - 1;
        {ip} dscp 1 reject with {icmp} type port-unreachable
        {ip} dscp 2 reject with {icmp} type admin-prohibited
    }}
    chain to_inside {{
        type nat hook prerouting priority dstnat - 1;
        {ip} daddr {public[130]} dnat to {inside[130]}
        {ip} daddr {public[131]} meta l4proto {with_ports} th dport 5000 dnat to {to_port}
        {ip} daddr {public[132]} dnat to {inside[132]}
        {ip} daddr {public[134]} dnat to {inside[134]}
        {ip} daddr {public[135]} dnat to {inside[135]}
        dnat {ip} prefix to {ip} daddr map {{ {public[160]}/{bits} : {inside[176]}/{bits} }}
    }}
    chain to_outside {{
        type nat hook postrouting priority srcnat - 1;
        {ip} daddr {inside[132]} snat to {gateway}
        oifname "eth0" {ip} saddr {inside[140]} snat to {public[140]}
        oifname "eth0" {ip} saddr {inside[141]} meta l4proto {with_ports} snat to {from_ports}
        oifname "eth0" {ip} saddr {inside[142]} masquerade
        oifname "eth0" {ip} saddr {{ {inside[143]}, {inside[144]} }} snat to {public[143]}
        oifname "eth0" snat {ip} prefix to {ip} saddr map {{ {inside[176]}/{bits} : {public[160]}/{bits} }}
    }}
}}
"""
TYPES = {4: "icmp type { destination-unreachable, time-exceeded, parameter-problem }",
         6: "icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem }"}


def peer_address(version, n):
    """Of a host outside. What goes to 77 is swallowed by the border, and 99 is behind a dead router."""
    return f"203.0.113.{n:x}" if version == 4 else f"2001:db8:c::{n:x}"


def public(version, n):
    return f"1.2.3.{n}" if version == 4 else f"2001:db8:1::{n:x}"


def inside(version, n):
    return f"192.168.1.{n}" if version == 4 else f"fd00:1::{n:x}"


def at_port(address, ports):
    return f"[{address}]:{ports}" if ":" in address else f"{address}:{ports}"


@dataclass(frozen=True)
class Nat:
    """A way through the firewall's NAT: who opens the flow, to whom, and who is behind that address.
    Numbers are those of inside(), public() and inside(); None is the peer."""
    name: str
    opener: int
    target: int
    behind: int = None
    behind_port: int = 5000
    names: tuple = None         # of the protocols that it can translate, if not all
    peer: int = 0x77

    def original(self, version, protocol, port):
        """The tuple with which the opener sends, from this port or with this identifier."""
        peer = peer_address(version, self.peer)
        source = inside(version, self.opener) if self.opener else peer
        target = public(version, self.target) if self.target else peer
        if protocol in WITH_PORTS:
            return Tuple(protocol, source, target, port, 5000)
        if protocol == ICMP:
            protocol, kind = (ICMP, 8) if version == 4 else (ICMPV6, 128)
            return Tuple(protocol, source, target, port, port, kind)
        return Tuple(protocol, source, target)

    def first_reply(self, version, original):
        """The reply tuple of a flow that no table has yet: only its destination is translated by then."""
        if self.behind is None:
            return original.inverse()
        port = original.dport
        if port and original.protocol in WITH_PORTS:
            port = self.behind_port
        return replace(original, destination=inside(version, self.behind), dport=port).inverse()


PORTS = "tcp", "udp", "udp_without_sum", "udplite", "sctp"
INBOUND = [
    Nat("dnat", None, 130, 130),
    Nat("port_forward", None, 131, 131, behind_port=7000, names=PORTS),
    Nat("netmap", None, 163, 179),
    Nat("hairpin", 133, 130, 130),
]
OUTBOUND = [
    Nat("snat", 140, None),
    Nat("snat_port", 141, None, names=PORTS),
    Nat("masquerade", 142, None),
    Nat("conflict", 144, None, names=(*PORTS, "echo")),  # another inside host has the same port or identifier
    Nat("netmap", 179, None),
]
TWICE, UNROUTED, ABSENT, DEAD_ROUTER = (
    Nat("twice", None, 132, 132), Nat("unrouted", None, 134, 134), Nat("absent", None, 135, 135),
    Nat("dead_router", 142, None, peer=0x99))


@dataclass(frozen=True)
class Trigger:
    """What makes a packet provoke an error: arguments of flows.build(), and the error's type and code."""
    name: str
    how: dict
    v4: tuple
    v6: tuple

    def type_and_code(self, version):
        return self.v4 if version == 4 else self.v6

    def before_nat(self, version):
        """Whether the firewall complains before it looks at the flow: of IPv6's hop-by-hop options."""
        return version == 6 and self.how.get("options") is ODD

    def build(self, name, t, step=DATA):
        """A packet with the tuple t that provokes the error."""
        how = dict(self.how)
        if "options" in how:
            how["options"] = how["options"][6 if ":" in t.source else 4]
        return flows.build(name, t, step, **how)


REJECT = Trigger("reject", {"dscp": REFUSED}, (3, 3), (1, 4))
EXPIRE = Trigger("expire", {"hops": 1}, (11, 0), (3, 0))
TOO_BIG = Trigger("too big", {"size": 1400}, (3, 4), (2, 0))
TRIGGERS = [
    REJECT,
    Trigger("prohibit, odd size", {"dscp": PROHIBITED, "size": 33}, (3, 13), (1, 1)),
    Trigger("reject, quoted in part", {"dscp": REFUSED, "size": 1192}, (3, 3), (1, 4)),
    EXPIRE,
    Trigger("expire, with options", {"hops": 1, "options": HARMLESS}, (11, 0), (3, 0)),
    Trigger("odd option", {"options": ODD}, (12, 0), (4, 2)),
]
PASS = Trigger("pass", {}, None, None)
NO_ROUTE = Trigger("no route", {}, (3, 0), (1, 0))
NOBODY_THERE = Trigger("nobody there", {}, (3, 1), (1, 3))


def triggers(version, name, outside):
    """What provokes an error in this protocol. The link that is too small is the one to the inside."""
    chosen = TRIGGERS + [TOO_BIG] if outside else TRIGGERS
    if name == "dccp" or name == "other" and version == 6:  # rejected only with a sum as in UDP
        chosen = [t for t in chosen if "dscp" not in t.how]
    return chosen


def protocols(version, nat):
    return [name for name in PROTOCOLS[version] if not nat.names or name in nat.names]



class Translator:
    """Asks a translate_one that runs for as long as this is open."""

    def __init__(self):
        self._process = subprocess.Popen([helper("errors/translate_one")], text=True, stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE)

    def close(self):
        self._process.stdin.close()
        assert self._process.wait(10) == 0

    def __call__(self, flow, error, outer="-"):
        """(outcome, bytes) of an error about a flow; outer is what a map makes of its source."""
        words = [str(getattr(t, name)) for t in flow for name in t.__dataclass_fields__]
        self._process.stdin.write(" ".join([*words, outer, error.hex()]) + "\n")
        self._process.stdin.flush()
        outcome, answer = self._process.stdout.readline().split()
        return outcome, bytes.fromhex(answer)


class Lab:
    """The network with the NAT under test, the inside hosts, and everything that listens."""

    def __init__(self, network):
        self.network, self.firewall = network, network.firewall
        for family in FAMILIES:
            self._prepare(family)
        # sequence numbers stand still; and some kernels find each sum of UDP-Lite wrong
        self.firewall.sysctl({"net.netfilter.nf_conntrack_tcp_be_liberal": 1,
                              "net.netfilter.nf_conntrack_checksum": 0})
        self.tap, self.conntrack = Tap(self.firewall, ("eth0", "eth1")), Conntrack(self.firewall)
        self.translator, self._port = Translator(), 30000
        self.tracks_dccp = self._finds_ports_of("dccp")

    def close(self):
        self.translator.close()
        self.tap.close()
        self.conntrack.close()

    def _prepare(self, family):
        version, ip = family.version, "ip" if family.version == 4 else "ip6"
        hosts = [130, 131, 132, 133, 140, 141, 142, 143, 144, 179]
        numbers = range(130, 180)
        self.firewall.nft(RULES.format(
            ip=ip, types=TYPES[version], icmp="icmp" if version == 4 else "icmpv6", group=GROUP,
            public={n: public(version, n) for n in numbers}, inside={n: inside(version, n) for n in numbers},
            with_ports="{ tcp, udp, udplite, sctp }", to_port=at_port(inside(version, 131), 7000),
            from_ports=at_port(public(version, 141), "20000-20009"),
            gateway=family.firewall_dmz, bits=28 if version == 4 else 124))
        dead = family.router_inner.replace("254", "253").replace("fe", "fd")
        self.firewall.run("\n".join(
            [f"ip neigh replace {inside(version, n)} dev eth1 lladdr {DMZ_MAC} nud permanent" for n in hosts]
            + [f"ip route add throw {inside(version, 134)}",
               f"ip route add {peer_address(version, 0x99)} via {dead}",
               f"ip ntable change name {'arp' if version == 4 else 'ndisc'}_cache dev eth0 retrans 30"]))
        self.network.router.run(f"ip route add blackhole {peer_address(version, 0x77)}")

    def send(self, packet, from_inside):
        if from_inside:
            send_frames(self.network.dmz, "eth0", FIREWALL_INSIDE, [packet])
        else:
            send_frames(self.network.router, "fwl", FIREWALL_OUTSIDE, [packet])

    def fresh(self, nat, version, name):
        """The tuple of a flow that nobody knows yet."""
        self.conntrack.flush()
        self._port += 1
        original = nat.original(version, NAMES[name], self._port)
        if nat.name == "conflict":
            other = replace(original, source=inside(version, 143))
            self.send(PASS.build(name, other, opening(original.protocol)[0][1]), True)
        return original if name != "dccp" or self.tracks_dccp else replace(original, sport=0, dport=0)

    def established(self, nat, version, name):
        """A flow that has been answered, as connection tracking knows it."""
        original, flow = self.fresh(nat, version, name), None
        for who, step in opening(original.protocol):
            packet = PASS.build(name, original if who == "o" else flow[1], step)
            self.send(packet, (nat.opener if who == "o" else nat.behind) is not None)
            flow = flow or self.conntrack.find(original)
            assert flow, f"{original} has opened no flow"
        return flow

    def _finds_ports_of(self, name):
        """Whether connection tracking has the ports in its tuples, or takes the protocol as a whole."""
        original = INBOUND[0].original(4, NAMES[name], 30000)
        self.conntrack.flush()
        self.send(PASS.build(name, original, opening(original.protocol)[0][1]), False)
        return self.conntrack.find(original) is not None

    def emit(self, error):
        """Sends an error from the firewall, as if it were the kernel's own: (as emitted, as it left)."""
        family = socket.AF_INET if error[0] >> 4 == 4 else socket.AF_INET6
        with self.firewall.here(), socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
            return self.tap.provoke(lambda: raw.sendto(error, (addresses(error)[1], 0)),
                                    f"{len(error)} bytes")
