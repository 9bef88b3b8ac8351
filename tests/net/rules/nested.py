# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""The lab with another outside interface: what was a link between border router and firewall is made
again, of another kind, under the same names and addresses. Or with the firewall in a user namespace
within the sandbox, in a network namespace that belongs to it.

   border router                                            firewall
   fwl  192.168.42.254 ...... tunnel, VLAN or bridge ...... eth0 192.168.42.1
   port 172.31.0.1 ------------------ veth ---------------- port 172.31.0.2
"""

import contextlib
import shutil
import subprocess

from lab.network import COMMANDS, ROUTER_SYSCTLS, SYSCTLS, Host
from lab.sandbox import why_changes_are_lost

VETH = "link add {} netns rt type veth peer name {} netns {}\n"
PORT = "link set port up\naddr add {here}/24 dev port\n"
LINKS = {
    "vxlan": "link add {name} type vxlan id 42 dev port local {here} remote {there} dstport 4789\n",
    "wireguard": "link add {name} type wireguard\n",
    "vlan": "link add link port name {name} type vlan id 42\n",
    "bridge": "link add {name} type bridge\nlink set port master {name}\n",
}
NAMESPACE = "namespace"
KINDS = *LINKS, NAMESPACE
ENDS = ("fwl", "172.31.0.1", "172.31.0.2"), ("eth0", "172.31.0.2", "172.31.0.1")


class Unavailable(Exception):
    """Why it cannot be had here."""


def make_link(network, kind):
    """In place of the link that is there."""
    if kind == "wireguard" and not shutil.which("wg"):
        raise Unavailable("wg (of wireguard-tools) is not installed")
    ends = list(zip((network.router, network.firewall), ENDS))
    _remove_link(ends)
    _ip(VETH.format("port", "port", "fw"))
    for host, (name, here, there) in ends:
        _batch(host, PORT.format(here=here))
        try:
            _batch(host, LINKS[kind].format(name=name, here=here, there=there))
        except RuntimeError as e:
            if "Unknown device type" not in str(e):
                raise
            raise Unavailable(f"this kernel has no {kind}") from None
    if kind == "wireguard":
        _exchange_keys(ends)
    for host, (name, *_) in ends:
        _restore(host, name)


def _remove_link(ends):
    for host, (name, *_) in ends:
        host.run(f"ip link del {name}; ip link del port", check=False)


def _ip(commands):
    subprocess.run(["ip", "-batch", "-"], input=commands, check=True, text=True)


def _batch(host, commands):
    host.run("ip", "-batch", "-", input=commands)


def _restore(host, name):
    """What was lost with an interface of the lab: itself, its addresses, the routes by its neighbour."""
    _batch(host, "".join(line + "\n" for line in COMMANDS[host.name].splitlines()
                         if name in line.split() or " via 192.168.42." in line or " via fd42::" in line))


def _exchange_keys(ends):
    public = {}
    for host, (name, here, _) in ends:
        key = host.run("wg", "genkey").stdout
        host.run("wg", "set", name, "listen-port", "51820", "private-key", "/proc/self/fd/0", input=key)
        public[here] = host.run("wg", "pubkey", input=key).stdout.strip()
    for host, (name, _, there) in ends:
        host.run("wg", "set", name, "peer", public[there], "endpoint", there + ":51820",
                 "allowed-ips", "0.0.0.0/0,::/0")


class InnerHost(Host):
    """A network namespace that belongs to a user namespace of its own: what starts in it has no power
    over anything else."""

    def __init__(self, name):
        self.name = name
        self._holder = subprocess.Popen(
            ["unshare", "--user", "--map-root-user", "--net", "sh", "-c", "echo made; exec sleep infinity"],
            stdout=subprocess.PIPE)
        assert self._holder.stdout.readline() == b"made\n"
        subprocess.run(["ip", "netns", "attach", name, str(self._holder.pid)], check=True)
        self._enter = ["nsenter", "--preserve-credentials", "--user", f"--target={self._holder.pid}"]

    def start(self, command, **how):
        return super().start([*self._enter, *command], **how)

    def run(self, *command, **how):
        command = ["sh", "-c", command[0]] if len(command) == 1 else command
        return super().run(*self._enter, *command, **how)

    def close(self):
        self._holder.kill()
        self._holder.communicate()
        subprocess.run(["ip", "netns", "del", self.name], check=True)


@contextlib.contextmanager
def inner_firewall(network):
    """The same firewall in an InnerHost."""
    with contextlib.closing(InnerHost("inner")) as inner:
        if reason := why_changes_are_lost(inner.run):
            raise Unavailable(reason)
        old, network.firewall = network.firewall, inner
        inner.sysctl(SYSCTLS)
        inner.sysctl(ROUTER_SYSCTLS)
        _remove_link(zip((network.router, old), ENDS))
        _ip(VETH.format("fwl", "eth0", inner.name))
        old.run("ip", "link", "set", "eth1", "netns", inner.name)
        _batch(inner, COMMANDS["fw"] + "\n")
        _restore(network.router, "fwl")
        inner.nft(old.run("nft", "list", "ruleset").stdout)
        try:
            yield
        finally:
            network.firewall = old
            Host.run(inner, "ip", "link", "set", "eth1", "netns", old.name)
            # all but what goes with eth0, which is gone
            old.run("ip", "-force", "-batch", "-", input=COMMANDS["fw"] + "\n", check=False)
