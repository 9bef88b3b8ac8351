# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Two firewalls between the border router and the dmz, one of which is the gateway.

                                     eth0  fw1  eth1
   client ------- border router ----- .2         .2 ----- dmz
                 192.168.42.254    |      eth2      |    192.168.1.10
                       fd42::fe    |       |        |    fd00:1::10
                                   '- .3         .3 '
                                     eth0  fw2  eth1
                      gateway: 192.168.42.1    192.168.1.1

keepalived moves the gateway's addresses, conntrackd copies flows over eth2; both read
the files in etc/examples/ha. All other addresses, routes and rules are those of lab.network."""

import json
import os
import re
import shutil
import subprocess
import tempfile
from types import SimpleNamespace

from lab.client import wait_until
from lab.daemon import Daemon
from lab.network import BORDER, COMMANDS, FAMILIES, FIREWALL, ROUTER_SYSCTLS, SYSCTLS, Host
from lab.services import Services

EXAMPLES = os.path.join(os.path.dirname(__file__), "../../../etc/examples/ha/")
PROGRAMS = "keepalived", "conntrackd"
GATEWAYS = {a for f in FAMILIES for a in (f.firewall, f.firewall_dmz)}
PATIENCE = 60.0  # for what takes two seconds on a machine that is not emulated
# The gateway's traffic does not renew what the other one has: on a slow machine it would expire.
TIMEOUTS = {"net.netfilter.nf_conntrack_udp_timeout": 600, "net.netfilter.nf_conntrack_udp_timeout_stream": 600}

LINKS = """
link add eth0 netns cl type veth peer name cli netns rt
link add eth0 netns fw1 type veth peer name fw1 netns rt
link add eth0 netns fw2 type veth peer name fw2 netns rt
link add eth1 netns fw1 type veth peer name fw1 netns dz
link add eth1 netns fw2 type veth peer name fw2 netns dz
link add eth2 netns fw1 type veth peer name eth2 netns fw2
"""
# What is one link to a single firewall is a bridge with a port for either.
BRIDGE = """
link add {0} type bridge
link set fw1 master {0} up
link set fw2 master {0} up
"""
# A program finds the examples where they would be, beside what keepalived 2.3 looks for there; and /run is its firewall's.
MOUNTS = """
mkdir -p "$0/keepalived"
cp -R /etc/keepalived/. "$1/." "$0/keepalived"
mount --bind "$0/keepalived" /etc/keepalived
mount --bind "$1" /etc/conntrackd
mount --bind "$0" /run
shift
exec "$@" >>/run/log 2>&1
"""


def missing():
    """The programs that are not installed here."""
    return [name for name in PROGRAMS if not shutil.which(name)]


def _rules():
    rules = ""
    for ip, f in zip(("ip", "ip6"), FAMILIES):
        rules += FIREWALL.format(
            ip=ip, version=f.version, rejected=f.plain_rejected, stateless=f.stateless,
            stateless_inside=f.stateless_inside, dmz=f.dmz, public2=f.public2, nat=f.nat,
            nat_service=f.nat_inside + ":7" if ip == "ip" else f"[{f.nat_inside}]:7",
            dnat=f"{ip} daddr {f.nat} dnat to {f.nat_inside}")
    return rules


class ExampleDaemon(Daemon):
    """icmpnatd with the configuration of the example."""

    def configure(self, maps):
        with open(EXAMPLES + "icmpnatd.conf") as file:
            self.write(file.read() + 'rules = "external";\n'
                       f'control = {{ socket = "{self.socket}"; group = ""; }};\n')


class Firewall:
    """One of the two: its programs have a /run of their own."""

    def __init__(self, name, own):
        self.name, self.own, self.host = name, own, Host(name)
        self.run = tempfile.mkdtemp(prefix=name + ".", dir="/run")
        self.daemon = self.keepalived = self.conntrackd = None

    def commands(self):
        """Those of an only firewall, but with addresses of its own on the links."""
        commands = COMMANDS["fw"] + "\nlink set eth2 up"
        for gateway in GATEWAYS:
            commands = commands.replace(f"add {gateway}/", f"add {gateway[:-1]}{self.own}/")
        return commands

    def _start(self, *command):
        return self.host.start(["unshare", "--mount", "sh", "-ec", MOUNTS, self.run, EXAMPLES, *command])

    def start_keepalived(self):
        self.keepalived = self._start(
            "keepalived", "--dont-fork", "--no-syslog", "--log-console", "--vrrp", "--config-id", self.name)

    def stop_keepalived(self):
        _stop(self.keepalived)

    def start_conntrackd(self):
        self.conntrackd = self._start("conntrackd")
        wait_until(lambda: os.path.exists(self.run + "/conntrackd.ctl"), f"conntrackd of {self.name}", PATIENCE)

    def stop_conntrackd(self):
        _stop(self.conntrackd)

    def gateways(self):
        """Which of the gateway's addresses it has."""
        links = json.loads(self.host.run("ip", "-j", "addr", "show").stdout)
        return GATEWAYS & {a["local"] for link in links for a in link["addr_info"]}

    def macs(self):
        return {link["address"] for link in json.loads(self.host.run("ip", "-j", "link", "show").stdout)}

    def known(self, flows):
        """Of each of the client's flows both directions, as connection tracking has them; None if unknown."""
        table = self.host.run("conntrack -L -f ipv4; conntrack -L -f ipv6").stdout.splitlines()
        return [_tuples(table, flow) for flow in flows]


def _tuples(table, flow):
    address, port = flow.socket.getsockname()[:2]
    for line in table:
        if f"={address} " in line and f"port={port} " in line:
            return re.findall(r"\b(?:src|dst|sport|dport)=\S+", line)
    return None


def _stop(*processes):
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(PATIENCE)


class Pair:
    """The network; fw1 is the gateway when it is built, and whenever it can be."""

    def __init__(self):
        self.client, self.router, self.dmz = (Host(name) for name in ("cl", "rt", "dz"))
        self.fw1, self.fw2 = self.firewalls = Firewall("fw1", 2), Firewall("fw2", 3)
        self.hosts = [self.client, self.router, self.dmz, self.fw1.host, self.fw2.host]
        for host in self.hosts:
            host.sysctl(SYSCTLS)
        for host in self.router, self.fw1.host, self.fw2.host:
            host.sysctl(ROUTER_SYSCTLS)
        subprocess.run(["ip", "-batch", "-"], input=LINKS, check=True, text=True)
        # veth leaves checksums to the receiver: quoted packets would look wrong
        self.client.run("ethtool", "-K", "eth0", *"tx off tso off gso off".split())
        self._configure()
        self.services = Services(self.dmz, [
            a for f in FAMILIES for a in (f.plain, f.nat_inside, f.stateless_inside)])
        for firewall in self.firewalls:
            firewall.daemon = ExampleDaemon(SimpleNamespace(client=self.client, firewall=firewall.host))
            firewall.start_keepalived()

    def _configure(self):
        def batch(host, commands):
            host.run("ip", "-batch", "-", input=commands + "\n")

        batch(self.client, COMMANDS["cl"])
        batch(self.router, BRIDGE.format("fwl") + COMMANDS["rt"])
        batch(self.dmz, BRIDGE.format("eth0") + COMMANDS["dz"])
        self.router.nft(BORDER)
        for firewall in self.firewalls:
            batch(firewall.host, firewall.commands())
            firewall.host.nft(_rules())
            firewall.host.sysctl(TIMEOUTS)

    def wait_for_gateway(self, wanted):
        """Returns when this firewall alone is the gateway, and both neighbours know it."""
        other, = set(self.firewalls) - {wanted}
        macs = wanted.macs()

        def known(host):
            neighbours = json.loads(host.run("ip", "-j", "neigh", "show").stdout)
            return all(n["lladdr"] in macs for n in neighbours if n["dst"] in GATEWAYS and "lladdr" in n)
        wait_until(lambda: wanted.gateways() == GATEWAYS and not other.gateways()
                   and known(self.router) and known(self.dmz),
                   f"{wanted.name} to be the gateway", PATIENCE, 0.05)

    def close(self):
        _stop(*(p for firewall in self.firewalls for p in (firewall.keepalived, firewall.conntrackd) if p))
        self.services.close()
        for host in self.hosts:
            subprocess.run(["ip", "netns", "del", host.name], check=True)
