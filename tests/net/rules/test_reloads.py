# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Other programs load their rules anew under load, as firewalls do: an error that is the kernel's part leaves once,
with its public source; one that the daemon must read leaves once and made public, too, or is known to be lost, for
the kernel drops what is queued when anybody's chain with a hook goes. Only where our own tables are replaced at the
same time, the kernel may leave its part to the daemon for a moment.

   client ~~~~ 2 x 1000 datagrams a second ~~~~> firewall ===== errors =====> border: each once
                                                 nft -f, iptables-restore, firewalld, Docker
"""

import pytest

from lab.client import udp
from lab.daemon import NO_OWN_RULES, Daemon, kernel_lets_hold_rules
from lab.flood import Flood, assert_each_once
from lab.network import FAMILIES, V4
from lab.traffic import Capture
from many import Flooded, configure
from peers import a_customer
from test_own_rules import Own

# As firewalld has it: one transaction in which its table goes and comes.
FIREWALLD = """
table inet firewalld
delete table inet firewalld
table inet firewalld {
    chain mangle_PREROUTING { type filter hook prerouting priority mangle + 10; policy accept; }
    chain nat_POSTROUTING { type nat hook postrouting priority srcnat + 10; policy accept; }
    chain filter_FORWARD {
        type filter hook forward priority filter + 10; policy accept
        ct state { established, related } accept
        ct state invalid drop
        ct status dnat accept
    }
    chain filter_OUTPUT {
        type filter hook output priority filter + 10; policy accept
        oifname "lo" accept
        ct state { established, related } accept
    }
}
"""
# As Docker has them: chains that are emptied and filled again, while all other ones stay.
DOCKER = """
*filter
:DOCKER - [0:0]
:DOCKER-FORWARD - [0:0]
:DOCKER-USER - [0:0]
-A DOCKER-FORWARD -j DOCKER-USER
-A DOCKER-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A DOCKER-FORWARD -j DOCKER
-A DOCKER-USER -j RETURN
COMMIT
*nat
:DOCKER - [0:0]
-A DOCKER -i docker0 -j RETURN
COMMIT
"""
WITHOUT_DOCKER = """
iptables -w -F FORWARD; iptables -w -t nat -F PREROUTING
for chain in DOCKER-FORWARD DOCKER-USER DOCKER; do iptables -w -F $chain; done
for chain in DOCKER-FORWARD DOCKER-USER DOCKER; do iptables -w -X $chain; done
iptables -w -t nat -F DOCKER; iptables -w -t nat -X DOCKER
"""


class Site:
    """The firewall of a network, and the rules that its other programs load."""

    def __init__(self, network, daemon, directory, own):
        self.host, self.daemon, self.directory, self.own = network.firewall, daemon, directory, own
        self.may_leak = self.replaces_ours = False
        self.has_iptables = self.host.run("iptables -w -S && ip6tables -w -S", check=False).returncode == 0

    def need_iptables(self):
        if not self.has_iptables:
            pytest.skip("iptables does not work here")


def firewalld(site):
    return lambda: site.host.nft(FIREWALLD)


def docker(site):
    site.need_iptables()

    def load():
        site.host.run("iptables-restore", "--wait", "--noflush", input=DOCKER)
    load()
    site.host.run("iptables -w -I FORWARD -j DOCKER-FORWARD; iptables -w -t nat -I PREROUTING -j DOCKER")
    return load


def iptables_restore(site):
    """Of what iptables-save has saved, our chain included."""
    site.need_iptables()
    saved = site.directory / "iptables"
    site.host.run(f"iptables -w -A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT; iptables-save > {saved}")
    return lambda: site.host.run(f"iptables-restore --wait {saved}")


def nft_of_everything(site):
    """A file that begins with flush ruleset, and has our tables, too, unless they are the daemon's own. Where iptables
    queues, it has to begin again, and until then nobody reads: the one moment in which something leaves private."""
    file = site.directory / "nftables.conf"
    ours = "" if site.own else "nft list table ip icmpnatd; nft list table ip6 icmpnatd"
    rules = site.host.run("nft list table ip lab; nft list table ip6 lab; " + ours).stdout
    file.write_text("flush ruleset\n" + rules)
    site.replaces_ours = not site.own
    site.may_leak = site.replaces_ours and site.daemon.rules.kind == "mixed"

    def load():
        site.host.run(f"nft -f {file}")
        if site.may_leak:
            site.daemon.rules.load()
    return load


@pytest.fixture(params=["external", "own"])
def site(network, tmp_path, request):
    own = request.param == "own"
    if own and not kernel_lets_hold_rules(network.firewall):
        pytest.skip(NO_OWN_RULES)
    with Own(network) if own else Daemon(network, kernel="auto") as daemon:
        if own:
            configure(daemon, [], rules="own")
            daemon.ctl("reload")
        yield Site(network, daemon, tmp_path, own)
        network.firewall.run("nft 'table inet firewalld; delete table inet firewalld'")
        network.firewall.run(WITHOUT_DOCKER, check=False)


@pytest.mark.parametrize("prepare", [firewalld, docker, iptables_restore, nft_of_everything])
def test_under_load(network, site, prepare):
    load = prepare(site)
    load()
    account, publics = site.daemon.account(), {V4.public}

    def lost():
        return account.counted()["verdict", "refused-gone"]
    with Capture(network.router, "fwl", buffer=256 << 20) as border:
        with Flooded(network, border) as both:
            while both.sent() < 5000:
                load()
        plain, stateless = both.arrived(lost)
        assert plain + stateless == lost()
        assert plain == 0 or site.replaces_ours
        if site.may_leak:
            publics.add(V4.firewall)
        assert both.seen(both.plain) <= {(public, V4.plain_rejected) for public in publics}
        assert both.seen(both.stateless) - {(V4.firewall, V4.stateless_inside)} == {(V4.public, V4.stateless)}
        assert site.may_leak or len(both.seen(both.stateless)) == 1
    for family in FAMILIES:
        assert udp(network.client, family.plain_rejected).offender == family.public
        assert udp(network.client, family.stateless).offender == family.public


@pytest.mark.parametrize("peers", ["auto", "leave"])
def test_private_neighbours_are_left_alone_meanwhile(network, peers):
    """Our own rules are replaced: none of the errors that private neighbours must see as they are slips through. Where
    their quotes say so, some may be read for a moment, which comes to the same."""
    address = {"auto": V4.seed_rejected, "leave": V4.plain_rejected}[peers]
    with Daemon(network, kernel="auto", more=f'private_peers = "{peers}";\n') as daemon, a_customer(network, V4):
        account, before = daemon.account(), daemon.rules.counted()
        with Capture(network.router, "fwl", buffer=256 << 20) as border:
            with Flood(network, 2000, address) as flood:
                while flood.sent < 6000:
                    daemon.rules.load()
            assert_each_once(border, flood)
            assert {error.source for error in border.errors()} == {V4.firewall}
        counted = daemon.rules.counted() - before
        read = account.expect(private_peer=counted["queued"])["outcome", "private-peer"]
        assert counted["private-peer"] + read == flood.sent
        assert peers == "auto" or read == 0
