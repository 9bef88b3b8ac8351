# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Never worse than without icmpnatd, with two providers: on one link, told apart by a mark; and as two default routes
of equal cost.

              rt1 ===== eth0                               rt1 ==== br0
   client ---              firewall ----- dmz   or client ---   /        firewall ----- dmz
              rt2 ===== eth1                               rt2
"""

import contextlib
import json

import pytest

import uplinks
from lab.client import ANSWERED, udp, upload, wait_until
from lab.daemon import Daemon, configuration
from lab.traffic import Capture
from uplinks import FAMILIES, UPLINKS, V4

ATTEMPTS = 20

ONE_LINK = """
link add br0 type bridge
link set br0 up
addr flush dev eth0
addr flush dev eth1
link set eth0 master br0
link set eth1 master br0
addr add 192.168.42.1/24 dev br0
addr add 192.168.43.1/24 dev br0
addr add fd42::1/64 dev br0
addr add fd43::1/64 dev br0
route replace default via 192.168.42.254
route replace default via fd42::fe
route add default via 192.168.43.254 table 102
route add default via fd43::fe table 102
"""
MARKS = """
table inet uplinks {{
    chain packets {{
        type filter hook prerouting priority mangle;
        iifname "br0" ether saddr {router2} ct state new ct mark set 2
        iifname "eth2" meta mark set ct mark
    }}
    chain errors {{
        type route hook output priority mangle;
        ct state related meta mark set ct mark
    }}
}}
"""
ONLY_OWN = """
table inet provider {
    chain forwarded {
        type filter hook forward priority filter;
        iifname "fwl" ip saddr != 1.2.3.0/24 drop
        iifname "fwl" ip6 saddr != 2001:db8:1::/64 drop
    }
}
"""

# Twenty rejected hosts, without NAT and with stateless NAT, that the hash of routes distributes.
HOSTS = {
    V4: {"plain": "198.51.100.2{}", "stateless": "198.51.100.1{}"},
    FAMILIES[1]: {"plain": "2001:db8:5::1:{}", "stateless": "2001:db8:5::2:{}"}}
MANY = """
table inet many {
    chain untracked {
        type filter hook prerouting priority raw;
        ip daddr 198.51.100.110-198.51.100.129 notrack
        ip6 daddr 2001:db8:5::2:0/112 notrack
    }
    chain stateless {
        type filter hook prerouting priority mangle + 10;
        ip daddr 198.51.100.110-198.51.100.129 ip daddr set ip daddr & 0.0.0.255 | 10.1.0.0
        ip6 daddr 2001:db8:5::2:0/112 ip6 daddr set ip6 daddr & ::2:ffff | fd01:5::
    }
    chain forwarded {
        type filter hook forward priority filter;
        ip daddr { 198.51.100.210-198.51.100.229, 10.1.0.110-10.1.0.129 } reject
        ip6 daddr { 2001:db8:5::1:0/112, fd01:5::2:0/112 } reject
    }
}
"""
EQUAL_COST = """
ip route del default; ip -6 route del default
ip route add default nexthop via 192.168.42.254 dev eth0 nexthop via 192.168.43.254 dev eth1
ip -6 route add default nexthop via fd42::fe dev eth0 nexthop via fd43::fe dev eth1
"""
BY_SOURCE = """
ip route add default via 192.168.42.254 table 101; ip -6 route add default via fd42::fe table 101
ip route add default via 192.168.43.254 table 102; ip -6 route add default via fd43::fe table 102
ip rule add from 1.2.3.0/24 lookup 101; ip -6 rule add from 2001:db8:1::/64 lookup 101
ip rule add from 5.6.7.0/24 lookup 102; ip -6 rule add from 2001:db8:2::/64 lookup 102
"""


@pytest.fixture
def network(possible):
    """Of each test, for it changes the routes."""
    network = uplinks.Network()
    yield network
    network.close()


@pytest.fixture(params=FAMILIES, ids=["IPv4", "IPv6"])
def family(request):
    return request.param


def one_link(network):
    """Both routers are on one link of the firewall, and the first lets nothing pass that is the other's."""
    firewall, (router1, router2) = network.firewall, network.routers
    firewall.run("sysctl -q net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0", check=False)
    firewall.run("ip", "-batch", "-", input=ONE_LINK)
    firewall.run("ip rule add fwmark 2 lookup 102; ip -6 rule add fwmark 2 lookup 102")
    link, = json.loads(router2.run("ip -j link show fwl").stdout)
    firewall.nft(MARKS.format(router2=link["address"]))
    router1.nft(ONLY_OWN)


def test_two_routers_on_one_link(network, family):
    """Errors about translated hosts of the second provider go to its router."""
    one_link(network)
    second = UPLINKS[family][1]

    def observe():
        network.enter_by(family, second)
        return udp(network.client, second.nat_rejected).answer, upload(network.client, second.nat)
    without, daemon = observe(), Daemon(network, kernel="auto")
    daemon.write(configuration([("192.168.0.0/16", "1.2.3.1"), ("fc00::/7", "2001:db8:1::1")], control=daemon.socket,
                               outside='"br0"', kernel="auto"))
    with daemon:
        assert observe() == without == ("refused", ANSWERED)


@contextlib.contextmanager
def equal_cost(network, family):
    """Both providers are default routes of equal cost, and icmpnatd runs with the example for two uplinks."""
    network.enter_by(family, UPLINKS[family][0])
    network.firewall.run(EQUAL_COST)
    network.firewall.nft(MANY)
    daemon = Daemon(network, kernel="auto")
    uplinks.configure(daemon)
    with daemon:
        yield


def sources(network, family, role):
    """The sources of the errors about the hosts, by the uplink that they leave by."""
    with contextlib.ExitStack() as stack:
        captures = [stack.enter_context(Capture(router, "fwl")) for router in network.routers]
        for number in range(10, 10 + ATTEMPTS):
            udp(network.client, HOSTS[family][role].format(number), timeout=0)
            wait_until(lambda: sum(len(capture.errors()) for capture in captures) == number - 9, "an error")
        return [[error.source for error in capture.errors()] for capture in captures]


def test_equal_cost(network, family):
    """Each error leaves by the provider whose address it gets."""
    with equal_cost(network, family):
        first, second = sources(network, family, "plain")
    assert (set(first), set(second)) == tuple({uplink.public} for uplink in UPLINKS[family])
    assert len(first) + len(second) == ATTEMPTS


def test_equal_cost_and_stateless_nat(network, family):
    """An error whose source the daemon has changed is routed anew, and the hash of its new address decides: about half
    of them leave by the wrong provider, unless there are rules for the addresses."""
    with equal_cost(network, family):
        assert sum(map(len, sources(network, family, "stateless"))) == ATTEMPTS
        network.firewall.run(BY_SOURCE)
        first, second = sources(network, family, "stateless")
    assert (set(first), set(second)) == tuple({uplink.public} for uplink in UPLINKS[family])
    assert len(first) + len(second) == ATTEMPTS
