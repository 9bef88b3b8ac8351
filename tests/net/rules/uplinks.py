# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""A firewall with two providers: hosts, links, addresses, and who is where.

                      .1 rt1 192.168.42.254 ----- 192.168.42.1 eth0
   client ---- bridge                                              firewall eth2 ----- dmz
   203.0.113.10       .2 rt2 192.168.43.254 ----- 192.168.43.1 eth1                    MTU 1280

1.2.3.0/24 is routed to the firewall by rt1 alone, 5.6.7.0/24 by rt2 alone, and 198.51.100.0/24 by
both: nothing in a packet to it tells by which uplink it came. IPv6 alike.
"""

import os
import subprocess
from dataclasses import dataclass

from lab.network import ROUTER_SYSCTLS, SYSCTLS, Host
from lab.services import Services


@dataclass(frozen=True)
class Family:
    """What does not depend on the uplink."""
    version: int
    client: str
    anywhere: str         # the prefix that both routers know
    open: str
    rejected: str
    stateless: str        # 1:1 NAT without conntrack; rejected


@dataclass(frozen=True)
class Uplink:
    """One uplink in one family."""
    number: int
    interface: str        # of the firewall
    router: str           # as the client sees it
    public: str           # the firewall's address, of this provider
    nat: str              # an open host, of this provider
    nat_rejected: str


V4 = Family(4, "203.0.113.10", "198.51.100.0/24", "198.51.100.50", "198.51.100.51", "198.51.100.20")
V6 = Family(6, "2001:db8:c::10", "2001:db8:5::/64", "2001:db8:5::50", "2001:db8:5::51", "2001:db8:5::20")
FAMILIES = V4, V6
UPLINKS = {
    V4: (Uplink(1, "eth0", "203.0.113.1", "1.2.3.1", "1.2.3.6", "1.2.3.4"),
         Uplink(2, "eth1", "203.0.113.2", "5.6.7.1", "5.6.7.6", "5.6.7.4")),
    V6: (Uplink(1, "eth0", "2001:db8:c::1", "2001:db8:1::1", "2001:db8:1::6", "2001:db8:1::4"),
         Uplink(2, "eth1", "2001:db8:c::2", "2001:db8:2::1", "2001:db8:2::6", "2001:db8:2::4"))}
DMZ_MTU = 1280
EXAMPLE = os.path.join(os.path.dirname(__file__), "../../../etc/examples/two-uplinks.conf")

LINKS = """
link add eth0 netns cl type bridge
link add rt1 netns cl type veth peer name cli netns rt1
link add rt2 netns cl type veth peer name cli netns rt2
link add fwl netns rt1 type veth peer name eth0 netns fw
link add fwl netns rt2 type veth peer name eth1 netns fw
link add eth2 netns fw type veth peer name eth0 netns dz
"""

ROUTER = """
link set lo up
link set cli up
link set fwl up
addr add 203.0.113.{n}/24 dev cli
addr add 2001:db8:c::{n}/64 dev cli
addr add 192.168.4{link}.254/24 dev fwl
addr add fd4{link}::fe/64 dev fwl
route add {public}.0/24 via 192.168.4{link}.1
route add 198.51.100.0/24 via 192.168.4{link}.1
route add 2001:db8:{n}::/64 via fd4{link}::1
route add 2001:db8:5::/64 via fd4{link}::1
"""

COMMANDS = {
    "cl": """
        link set lo up
        link set rt1 master eth0 up
        link set rt2 master eth0 up
        link set eth0 up
        addr add 203.0.113.10/24 dev eth0
        addr add 2001:db8:c::10/64 dev eth0
        route add 1.2.3.0/24 via 203.0.113.1
        route add 5.6.7.0/24 via 203.0.113.2
        route add 2001:db8:1::/64 via 2001:db8:c::1
        route add 2001:db8:2::/64 via 2001:db8:c::2""",
    "rt1": ROUTER.format(n=1, link=2, public="1.2.3"),
    "rt2": ROUTER.format(n=2, link=3, public="5.6.7"),
    # The default route, for what no rule sends elsewhere, is the first uplink.
    "fw": """
        link set lo up
        link set eth0 up
        link set eth1 up
        link set eth2 mtu 1280 up
        addr add 192.168.42.1/24 dev eth0
        addr add 192.168.43.1/24 dev eth1
        addr add fd42::1/64 dev eth0
        addr add fd43::1/64 dev eth1
        addr add 1.2.3.1/32 dev lo
        addr add 5.6.7.1/32 dev lo
        addr add 2001:db8:1::1/128 dev lo
        addr add 2001:db8:2::1/128 dev lo
        addr add 10.1.0.1/24 dev eth2
        addr add fd01:5::1/64 dev eth2
        route add default via 192.168.42.254
        route add default via fd42::fe
        route add 198.51.100.0/24 via 10.1.0.10
        route add 2001:db8:5::/64 via fd01:5::10""",
    "dz": "\n".join(
        ["link set lo up", "link set eth0 up"]
        + [f"addr add 10.1.0.{i}/24 dev eth0" for i in (10, 4, 6, 20)]
        + [f"addr add fd01:5::{i}/64 dev eth0" for i in (10, 4, 6, 20)]
        + ["addr add 198.51.100.50/32 dev lo", "addr add 2001:db8:5::50/128 dev lo",
           "route add default via 10.1.0.1", "route add default via fd01:5::1"]),
}

FIREWALL = """
table {ip} lab {{
    chain untracked {{
        type filter hook prerouting priority raw;
        {ip} daddr {stateless} notrack
    }}
    chain stateless {{
        type filter hook prerouting priority mangle + 10;
        {ip} daddr {stateless} {ip} daddr set {inside}20
    }}
    chain public_to_dmz {{
        type nat hook prerouting priority dstnat;
        {ip} daddr {{ {nat} }} dnat to {inside}6
        {ip} daddr {{ {nat_rejected} }} dnat to {inside}4
    }}
    chain forwarded {{
        type filter hook forward priority filter;
        {ip} daddr {{ {rejected}, {inside}4, {inside}20 }} reject
    }}
}}
"""


def _firewall_rules():
    def both(family, role):
        return ", ".join(getattr(uplink, role) for uplink in UPLINKS[family])
    return "".join(
        FIREWALL.format(ip=ip, stateless=f.stateless, rejected=f.rejected, inside=inside,
                        nat=both(f, "nat"), nat_rejected=both(f, "nat_rejected"))
        for ip, f, inside in (("ip", V4, "10.1.0."), ("ip6", V6, "fd01:5::")))


def configure(daemon):
    """Writes the example for two uplinks as the configuration of a daemon with external rules."""
    with open(EXAMPLE) as example:
        daemon.write(f'{example.read()}rules = "external";\nkernel = "{daemon.kernel}";\n'
                     f'control = {{ socket = "{daemon.socket}"; group = ""; }};\n')


class Network:
    """The five hosts, built at once; close() takes them away."""

    def __init__(self):
        self.hosts = [Host(name) for name in COMMANDS]
        self.client, *self.routers, self.firewall, self.dmz = self.hosts
        for host in self.hosts:
            host.sysctl(SYSCTLS)
        for host in *self.routers, self.firewall:
            host.sysctl(ROUTER_SYSCTLS)
        self.firewall.sysctl({"net.ipv4.conf.all.rp_filter": 2})    # loose, as systemd has it
        subprocess.run(["ip", "-batch", "-"], input=LINKS, check=True, text=True)
        for host in self.hosts:
            host.run("ip", "-batch", "-", input=COMMANDS[host.name] + "\n")
        # otherwise the checksum is left to the receiver: quoted packets would look wrong
        self.client.run("ethtool", "-K", "eth0", "tx", "off")
        self.firewall.nft(_firewall_rules())
        self.services = Services(self.dmz, [V4.open, V6.open, "10.1.0.6", "fd01:5::6"])

    def enter_by(self, family, uplink):
        """From now on the client's packets to anywhere take this uplink. All flows and paths are forgotten."""
        self.client.run("ip", f"-{family.version}", "-batch", "-",
                        input=f"route replace {family.anywhere} via {uplink.router}\nroute flush cache\n")
        self.firewall.run("conntrack", "-F")

    def close(self):
        self.services.close()
        for host in self.hosts:
            subprocess.run(["ip", "netns", "del", host.name], check=True)
