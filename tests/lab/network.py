# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""The four hosts, their links, addresses, routes and filters.

   client ------------- border router ------------ firewall ------------- dmz
   203.0.113.10       .1           192.168.42.254  192.168.42.1    192.168.1.1
   2001:db8:c::10     ::1                fd42::fe  fd42::1           fd00:1::1
                      |                            |
                      drops ICMP errors with       1.2.3.0/24 and 2001:db8:1::/64 are
                      a private source             routed to it; link to the dmz: MTU 1280

Every host below is known by its address outside; V4 and V6 name the same roles.
"""

import contextlib
import ctypes
import json
import subprocess
from dataclasses import dataclass

from .client import wait_until
from .services import Services

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Family:
    """What one IP version calls the roles of the lab. Behind the firewall stand hosts without
    NAT ("plain") and with it ("nat"); of each an open one, a rejected one and an absent one."""
    version: int
    client: str
    router: str         # the border router, as seen by the client
    router_inner: str   # the same, on the private link
    firewall: str       # the private address from which the firewall's errors come
    firewall_dmz: str   # the same, on the inside
    public: str         # the firewall's public address
    public2: str        # another one, by which the dmz host is known when it opens a flow
    plain: str
    plain_inside: str   # what the firewall's forward chain calls it
    plain_rejected: str
    plain_absent: str
    nat: str
    nat_inside: str
    nat_rejected: str
    nat_absent: str
    seed_rejected: str  # a private address that the border routes all the same
    no_route: str
    stateless: str      # 1:1 NAT without conntrack; rejected
    stateless_inside: str
    dmz: str            # a private address of the dmz host


V4 = Family(
    4, client="203.0.113.10", router="203.0.113.1", router_inner="192.168.42.254",
    firewall="192.168.42.1", firewall_dmz="192.168.1.1", public="1.2.3.1", public2="1.2.3.2",
    plain="1.2.3.50", plain_inside="1.2.3.50", plain_rejected="1.2.3.51", plain_absent="1.2.3.98",
    nat="1.2.3.6", nat_inside="192.168.1.6", nat_rejected="1.2.3.4", nat_absent="1.2.3.99",
    seed_rejected="192.168.1.5", no_route="1.2.3.77",
    stateless="1.2.3.20", stateless_inside="192.168.1.20", dmz="192.168.1.10")
V6 = Family(
    6, client="2001:db8:c::10", router="2001:db8:c::1", router_inner="fd42::fe",
    firewall="fd42::1", firewall_dmz="fd00:1::1", public="2001:db8:1::1", public2="2001:db8:1::2",
    plain="2001:db8:1::50", plain_inside="2001:db8:1::50", plain_rejected="2001:db8:1::51",
    plain_absent="2001:db8:1::98", nat="2001:db8:1::6", nat_inside="fd00:1::6",
    nat_rejected="2001:db8:1::4", nat_absent="2001:db8:1::99",
    seed_rejected="fd00:1::5", no_route="2001:db8:1::77",
    stateless="2001:db8:1::20", stateless_inside="fd00:1::20", dmz="fd00:1::10")
FAMILIES = (V4, V6)
DMZ_MTU = 1280

LINKS = """
link add eth0 netns cl address 02:00:00:00:00:01 type veth peer name cli netns rt address 02:00:00:00:00:02
link add fwl netns rt address 02:00:00:00:00:03 type veth peer name eth0 netns fw address 02:00:00:00:00:04
link add eth1 netns fw address 02:00:00:00:00:05 type veth peer name eth0 netns dz address 02:00:00:00:00:06
"""
CLIENT_MAC, ROUTER_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"

COMMANDS = {
    "cl": """
        link set lo up
        link set eth0 up
        addr add 203.0.113.10/24 dev eth0
        addr add 2001:db8:c::10/64 dev eth0
        route add default via 203.0.113.1
        route add default via 2001:db8:c::1""",
    "rt": """
        link set lo up
        link set cli up
        link set fwl up
        addr add 203.0.113.1/24 dev cli
        addr add 192.168.42.254/24 dev fwl
        addr add 2001:db8:c::1/64 dev cli
        addr add fd42::fe/64 dev fwl
        route add 1.2.3.0/24 via 192.168.42.1
        route add 192.168.1.0/24 via 192.168.42.1
        route add 2001:db8:1::/64 via fd42::1
        route add fd00:1::/64 via fd42::1""",
    "fw": """
        link set lo up
        link set eth0 up
        link set eth1 mtu 1280 up
        ntable change name arp_cache dev eth1 retrans 30
        ntable change name ndisc_cache dev eth1 retrans 30
        addr add 192.168.42.1/24 dev eth0
        addr add 192.168.1.1/24 dev eth1
        addr add 1.2.3.1/32 dev lo
        addr add 1.2.3.2/32 dev lo
        addr add fd42::1/64 dev eth0
        addr add fd00:1::1/64 dev eth1
        addr add 2001:db8:1::1/128 dev lo
        addr add 2001:db8:1::2/128 dev lo
        route add default via 192.168.42.254
        route add unreachable 1.2.3.0/24
        route add throw 1.2.3.77
        route add 1.2.3.50 via 192.168.1.10
        route add 1.2.3.51 via 192.168.1.10
        route add 1.2.3.98 dev eth1
        route add default via fd42::fe
        route add unreachable 2001:db8:1::/64
        route add 2001:db8:1::50 via fd00:1::10
        route add 2001:db8:1::51 via fd00:1::10
        route add 2001:db8:1::98 dev eth1""",
    "dz": "\n".join(
        ["link set lo up", "link set eth0 up"]
        + [f"addr add 192.168.1.{i}/24 dev eth0" for i in (10, 4, 5, 6, 20)]
        + [f"addr add fd00:1::{i}/64 dev eth0" for i in (10, 4, 5, 6, 20)]
        + ["addr add 1.2.3.50/32 dev lo", "addr add 1.2.3.51/32 dev lo",
           "addr add 2001:db8:1::50/128 dev lo", "addr add 2001:db8:1::51/128 dev lo",
           "route add default via 192.168.1.1", "route add default via fd00:1::1"]),
}

SYSCTLS = {  # of every host, before it has links
    "net.ipv6.conf.default.accept_dad": 0, "net.ipv6.conf.default.dad_transmits": 0,
    "net.ipv6.conf.default.accept_ra": 0, "net.ipv6.conf.default.router_solicitations": 0,
    # No type is limited. (icmp_ratelimit = 0 would do for most errors, but it empties the bucket from
    # which the kernel pays for unreachable routes.)
    "net.ipv4.icmp_ratemask": 0, "net.ipv6.icmp.ratemask": 255,
}
ROUTER_SYSCTLS = {"net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1}

FIREWALL = """
table {ip} lab {{
    set rejected {{
        type ipv{version}_addr
        elements = {{ {rejected} }}
    }}
    chain untracked {{
        type filter hook prerouting priority raw;
        {ip} daddr {stateless} notrack
        {ip} saddr {stateless_inside} notrack
    }}
    chain stateless_in {{
        type filter hook prerouting priority mangle;
        {ip} daddr {stateless} {ip} daddr set {stateless_inside}
    }}
    chain stateless_out {{
        type filter hook postrouting priority mangle;
        oifname "eth0" {ip} saddr {stateless_inside} {ip} saddr set {stateless}
    }}
    chain public_to_dmz {{
        type nat hook prerouting priority dstnat;
        {ip} daddr {nat} udp dport 8007 dnat to {nat_service}
        {dnat}
    }}
    chain dmz_to_public {{
        type nat hook postrouting priority srcnat;
        oifname "eth0" {ip} saddr {dmz} snat to {public2}
    }}
    chain forwarded {{
        type filter hook forward priority filter;
        {ip} daddr @rejected reject
    }}
}}
"""

BORDER = """
table ip lab {
    chain border {
        type filter hook forward priority filter;
        oifname "cli" ip saddr { 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 } \
            icmp type { destination-unreachable, time-exceeded, parameter-problem } drop
    }
}
table ip6 lab {
    chain border {
        type filter hook forward priority filter;
        oifname "cli" ip6 saddr fc00::/7 \
            icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } drop
    }
}
"""


def _firewall_rules():
    dnat4 = {"1.2.3.4": "192.168.1.4", "1.2.3.6": "192.168.1.6", "1.2.3.99": "192.168.1.99"}
    dnat6 = {f"2001:db8:1::{i}": f"fd00:1::{i}" for i in (4, 6, 99)}
    rules = ""
    for ip, f, dnat, rejected in (
            ("ip", V4, dnat4, "192.168.1.4, 192.168.1.5, 192.168.1.20, 1.2.3.51"),
            ("ip6", V6, dnat6, "fd00:1::4, fd00:1::5, fd00:1::20, 2001:db8:1::51")):
        rules += FIREWALL.format(
            ip=ip, version=f.version, rejected=rejected, stateless=f.stateless,
            stateless_inside=f.stateless_inside, dmz=f.dmz, public2=f.public2,
            nat=f.nat, nat_service=f.nat_inside + ":7" if ip == "ip" else f"[{f.nat_inside}]:7",
            dnat="\n        ".join(f"{ip} daddr {a} dnat to {b}" for a, b in dnat.items()))
    return rules


class Host:
    """A network namespace by name."""

    def __init__(self, name):
        self.name = name
        subprocess.run(["ip", "netns", "add", name], check=True)

    @contextlib.contextmanager
    def here(self):
        """What this thread opens or starts within belongs to the host."""
        with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{self.name}") as there:
            _enter(there)
            try:
                yield self
            finally:
                _enter(home)

    def start(self, command, **how):
        with self.here():
            return subprocess.Popen(command, **how)

    def run(self, *command, check=True, input=None):
        """Runs a command, or a shell command in one string; returns the finished process."""
        command = ["sh", "-c", command[0]] if len(command) == 1 else list(command)
        with self.here():
            done = subprocess.run(command, input=input, capture_output=True, text=True)
        if check and done.returncode != 0:
            raise RuntimeError(f"{self.name}: {command}: {done.stdout}{done.stderr}")
        return done

    def sysctl(self, values):
        with self.here():
            for name, value in values.items():
                with open("/proc/sys/" + name.replace(".", "/"), "w") as file:
                    file.write(str(value))

    def add_address(self, address, device):
        """Adds an address, and waits until the kernel takes it as a source, which is a moment later in IPv6."""
        self.run("ip", "addr", "add", address, "dev", device)
        wait_until(lambda: not self.run("ip", "-6", "addr", "show", "dev", device, "tentative").stdout,
                   f"{address} to be a source")

    def nft(self, rules):
        self.run("nft", "-f", "-", input=rules)

    def nft_counter(self, family, table, chain, handle=0):
        """The packets that the counters of a chain have seen, in the order of its rules."""
        listing = json.loads(self.run("nft", "-j", "list", "chain", family, table, chain).stdout)
        rules = [item["rule"]["expr"] for item in listing["nftables"] if "rule" in item]
        return [e["counter"]["packets"] for rule in rules for e in rule if "counter" in e]


def _enter(namespace):
    if _libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Network:
    """The four hosts, built at once; close() takes them away."""

    def __init__(self):
        self.client, self.router, self.firewall, self.dmz = self.hosts = [
            Host(name) for name in ("cl", "rt", "fw", "dz")]
        for host in self.hosts:
            host.sysctl(SYSCTLS)
        subprocess.run(["ip", "-batch", "-"], input=LINKS, check=True, text=True)
        # veth leaves checksums to the receiver: quoted packets would look wrong
        for host in self.hosts:
            for link in json.loads(host.run("ip", "-j", "link", "show", "type", "veth").stdout):
                host.run("ethtool", "-K", link["ifname"],
                         *"tx off rx off tso off gso off gro off".split())
        for host in self.router, self.firewall:
            host.sysctl(ROUTER_SYSCTLS)
        for host in self.hosts:
            host.run("ip", "-batch", "-", input=COMMANDS[host.name] + "\n")
        self.router.nft(BORDER)
        self.firewall.nft(_firewall_rules())
        self.services = Services(self.dmz, [
            a for f in FAMILIES for a in (f.plain, f.nat_inside, f.stateless_inside)])

    def rejecting(self, inside):
        """The firewall rejects what goes to an inside address, which was open before."""
        return self._rejected(inside, "add", "delete")

    def accepting(self, inside):
        """The firewall lets pass what goes to an inside address, which was rejected before."""
        return self._rejected(inside, "delete", "add")

    @contextlib.contextmanager
    def _rejected(self, inside, change, back):
        where = ("ip6" if ":" in inside else "ip") + f" lab rejected {{ {inside} }}"
        self.firewall.run(f"nft {change} element {where}")
        try:
            yield
        finally:
            self.firewall.run(f"nft {back} element {where}")

    @contextlib.contextmanager
    def without_rules(self):
        """The firewall does but route: it filters, translates and tracks nothing. What was loaded meanwhile goes."""
        self.firewall.run("nft flush ruleset")
        try:
            yield
        finally:
            self.firewall.nft("flush ruleset" + _firewall_rules())

    def forget(self):
        """The client forgets what it learnt about paths, the firewall its flows."""
        self.client.run("ip -4 route flush cache; ip -6 route flush cache")
        self.firewall.run("conntrack -F")

    def close(self):
        self.services.close()
        for host in self.hosts:
            subprocess.run(["ip", "netns", "del", host.name], check=True)
