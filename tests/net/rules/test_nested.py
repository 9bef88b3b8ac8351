# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Errors are made public on an outside interface that is a tunnel, a VLAN or a bridge, too, and by a firewall that
lives in namespaces within namespaces. Where the kernel would drop what is changed in there (Linux 7.1 and later),
the daemon does not start.

   client ----- border ==(tunnel, VLAN, bridge)== eth0 firewall ----- dmz
"""

import contextlib
import json
import os

import pytest

import nested
from lab.client import udp
from lab.daemon import MAPS, Daemon, program
from lab.network import FAMILIES, Network
from lab.sandbox import why_changes_are_lost
from expected import EXPIRED, REFUSED, TOO_BIG, expect_one
from patient import examination

FIREWALL_HOP = 2
SIZE = 1300  # fits through every tunnel, and not into the dmz


@pytest.fixture(scope="module")
def lab(possible):
    with contextlib.closing(Network()) as network:
        yield network


@pytest.fixture(scope="module", params=nested.KINDS)
def network(request, lab):
    with contextlib.ExitStack() as stack:
        try:
            if request.param == nested.NAMESPACE:
                stack.enter_context(nested.inner_firewall(lab))
            else:
                nested.make_link(lab, request.param)
        except nested.Unavailable as reason:
            pytest.skip(str(reason))
        yield lab


@pytest.fixture(scope="module")
def daemon(network):
    """With a map for the inside, too: where a bridge hands IPv6 to netfilter (br_netfilter), an error about a
    packet whose destination was changed comes from there."""
    with Daemon(network, MAPS + [(f.firewall_dmz, f.public) for f in FAMILIES]) as daemon:
        yield daemon


@pytest.fixture
def via():
    """How the firewall handles the destination: what the kernel's NAT does is the same on any link."""
    return "plain"


def test_new_flow(stage):
    stage.expect_one(REFUSED, stage.rejected, lambda: udp(stage.client, stage.rejected))
    stage.expect_one(EXPIRED, stage.open, lambda: udp(stage.client, stage.open, hops=FIREWALL_HOP))


def test_established_flow(stage):
    with stage.established(stage.open) as flow:
        stage.expect_one(TOO_BIG, stage.open, lambda: flow.send(SIZE))


def test_stateless(network, daemon, family):
    network.forget()
    expect_one(network, daemon, family, REFUSED, lambda: udp(network.client, family.stateless))


def test_the_doctor_finds_nothing(network, daemon):
    """The interface is the right one, and the kernel sends what is changed."""
    findings = examination(daemon.ctl("doctor", "--json", check=False))
    assert not [f for f in findings if f["state"] == "problem"], findings
    assert {("interfaces", "ok"), ("namespace", "ok")} <= {(f["check"], f["state"]) for f in findings}, findings


HIDE_NFT = 'for l in $(ldconfig -p | sed -n "s/.*libnftables.*=> //p"); do mount --bind /dev/null "$l"; done; exec "$@"'


@pytest.fixture
def confined(lab):
    """A host whose changed packets the kernel drops: the daemon in it would lose what it translates."""
    with contextlib.closing(nested.InnerHost("confined")) as host:
        if not why_changes_are_lost(host.run):
            pytest.skip("this kernel sends what is changed in the network of a user namespace")
        yield host


@pytest.mark.parametrize("prefix, how", [
    ([], "as Linux does from 7.1 on"),
    (["unshare", "--mount", "sh", "-c", HIDE_NFT, "sh"], f"so its version {os.uname().release} says: nft cannot be asked"),
], ids=["nft", "version"])
def test_refuses_to_lose_packets(lab, confined, prefix, how):
    done = confined.run(*prefix, program("icmpnatd"), "-c", Daemon(lab).path, check=False)
    line, = done.stderr.splitlines()
    assert "belongs to a user namespace, where the kernel drops every packet that is changed (" + how in line
    assert line.endswith(": run icmpnatd in the network namespace of the host or of a privileged container")
    assert done.returncode == 1


def test_tells_before_it_is_started(lab, confined):
    """The rules can be printed for another place all the same."""
    path = Daemon(lab).path
    done = confined.run(program("icmpnatctl"), "doctor", "-c", path, "--json", check=False)
    assert ("namespace", "problem") in [(f["check"], f["state"]) for f in json.loads(done.stdout)]
    assert "table ip icmpnatd" in confined.run(program("icmpnatd"), "-c", path, "--print-rules").stdout


def test_no_power_outside(network, daemon):
    """In the inner namespace, and only there, the daemon that has shown all this is root of nothing else."""
    own = os.readlink(f"/proc/{daemon.process.pid}/ns/user") == os.readlink("/proc/self/ns/user")
    assert own != isinstance(network.firewall, nested.InnerHost)
