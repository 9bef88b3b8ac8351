# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Three routers in a row behind the firewall, numbered privately, and a host that is known by public addresses.

   client ----- border ===== firewall ----- h1 ----- h2 ----- h3 ----- target
                                     10.7.0.0    .4       .8       .12            prefixes of 30 and 126 bits
                                     fd00:7::    ::4      ::8      ::c            the upper end of each: .2, .6, .10, .14
"""

import contextlib
import subprocess
from dataclasses import dataclass

from lab.network import ROUTER_SYSCTLS, SYSCTLS, V4, V6, Host

MACS = "02:00:00:00:07:"
FIREWALL_MAC = MACS + "00"  # towards them


@dataclass(frozen=True)
class Inside:
    """What a family calls them."""
    prefix: str
    length: int
    pool: str
    routers: tuple   # what they call themselves
    public: tuple    # what the pool calls them
    target: str      # its private address
    open: str        # a public address that is the target's own
    stateless: str   # one that the firewall translates, without conntrack
    nat: str         # .. with it

    def address(self, number):
        return self.prefix + (str(number) if ":" not in self.prefix else f"{number:x}")


INSIDE = {
    V4: Inside("10.7.0.", 30, "1.2.3.128/28", ("10.7.0.2", "10.7.0.6", "10.7.0.10"),
               ("1.2.3.130", "1.2.3.134", "1.2.3.138"), "10.7.0.14", "1.2.3.200", "1.2.3.201", "1.2.3.202"),
    V6: Inside("fd00:7::", 126, "2001:db8:1::80/124", ("fd00:7::2", "fd00:7::6", "fd00:7::a"),
               ("2001:db8:1::82", "2001:db8:1::86", "2001:db8:1::8a"), "fd00:7::e",
               "2001:db8:1::200", "2001:db8:1::201", "2001:db8:1::202"),
}
POOLS = [("10.0.0.0/8", INSIDE[V4].pool), ("fd00:7::/32", INSIDE[V6].pool)]

TRANSLATION = """
table {ip} hops {{
    chain untracked {{
        type filter hook prerouting priority raw;
        {ip} daddr {stateless} notrack
        {ip} saddr {target} notrack
    }}
    chain stateless_in {{
        type filter hook prerouting priority mangle;
        {ip} daddr {stateless} {ip} daddr set {target}
    }}
    chain stateless_out {{
        type filter hook postrouting priority mangle;
        oifname "eth0" {ip} saddr {target} ct state untracked {ip} saddr set {stateless}
    }}
    chain stateful {{
        type nat hook prerouting priority dstnat;
        {ip} daddr {nat} dnat to {routed}
    }}
}}
"""


class Hops:
    def __init__(self, network):
        self.firewall = network.firewall
        self.routers = [Host(name) for name in ("h1", "h2", "h3")]
        self.target = Host("tg")
        self._row = [self.firewall, *self.routers, self.target]
        for host in self._row[1:]:
            host.sysctl(SYSCTLS)
            host.sysctl(ROUTER_SYSCTLS)
            host.run("ip link set lo up")
        for i, (upper, lower) in enumerate(zip(self._row, self._row[1:])):
            self._link(i, upper, lower)
        for family, inside in INSIDE.items():
            self._address(family, inside)
        for family, ip in (V4, "ip"), (V6, "ip6"):
            inside = INSIDE[family]
            self.firewall.nft(TRANSLATION.format(ip=ip, stateless=inside.stateless, target=inside.target,
                                                 nat=inside.nat, routed=inside.open))

    def _link(self, i, upper, lower):
        subprocess.run(["ip", "-batch", "-"], check=True, text=True, input=(
            f"link add below netns {upper.name} address {MACS}{i}0 type veth "
            f"peer name above netns {lower.name} address {MACS}{i}1\n"))
        for host, name in (upper, "below"), (lower, "above"):
            host.run("ethtool", "-K", name, *"tx off rx off tso off gso off gro off".split())
            host.run(f"ip link set {name} up")

    def _address(self, family, inside):
        version = f"ip -{family.version}"
        for i, (upper, lower) in enumerate(zip(self._row, self._row[1:])):
            upper_end, lower_end = inside.address(4 * i + 1), inside.address(4 * i + 2)
            upper.run(f"{version} addr add {upper_end}/{inside.length} dev below")
            lower.run(f"{version} addr add {lower_end}/{inside.length} dev above")
            lower.run(f"{version} route add default via {upper_end}")
            for address in inside.open, inside.target:
                upper.run(f"{version} route replace {address} via {lower_end}")
        self.target.run(f"{version} addr add {inside.open}/{32 if family is V4 else 128} dev lo")

    def close(self):
        self.firewall.run("nft 'delete table ip hops; delete table ip6 hops'; ip link del below")
        for host in self._row[1:]:
            subprocess.run(["ip", "netns", "del", host.name], check=True)


@contextlib.contextmanager
def hops_behind(network):
    hops = Hops(network)
    try:
        yield hops
    finally:
        hops.close()
