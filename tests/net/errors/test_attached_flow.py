# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""An error that is queued where it is emitted is translated by its flow: by the conntrack entry that the kernel
attaches to the packet, or, with a kernel that attaches none, by the entry for which the daemon asks conntrack.

   client ----- border ===== firewall: OUTPUT -> queue, with the entry -> daemon
   to 1.2.3.6:8007           DNAT -> 192.168.1.6:7
   to 1.2.3.2:40007          SNAT <- 192.168.1.10:40007
"""

import gzip
import os
import pathlib
import re

import pytest

from lab.client import ANSWERED, NAT_PORT, UdpFlow, answering
from lab.daemon import Daemon, Rules, kernel_has_nft_queue
from expected import EXPIRED, TOO_BIG, expect_one

CONFIGS = pathlib.Path("/proc/config.gz"), pathlib.Path("/boot/config-" + os.uname().release)


@pytest.fixture(scope="module")
def daemon(network):
    daemon = Daemon(network)
    kind = "direct" if kernel_has_nft_queue(network.firewall) else "iptables-direct"
    daemon.rules = Rules(network.firewall, daemon.path, kind=kind)
    with daemon:
        yield daemon


@pytest.fixture(scope="module")
def attaches():
    """Whether the running kernel was built to attach entries."""
    for path in CONFIGS:
        if path.exists():
            text = gzip.open(path, "rt").read() if path.suffix == ".gz" else path.read_text()
            return "CONFIG_NETFILTER_NETLINK_GLUE_CT=y\n" in text
    pytest.skip("the kernel's configuration is neither " + " nor ".join(map(str, CONFIGS)))


def test_status_says_it(daemon, attaches):
    said, = re.findall(r" attached-flows (\w+)$", daemon.ctl("status", check=False).stdout, re.M)
    assert said == ("yes" if attaches else "no")


def to_dnat(network, family):
    """Towards an address and port that stand for others."""
    flow = UdpFlow(network.client, family.nat, NAT_PORT)
    assert flow.send() == ANSWERED
    flow.hops(2)
    return flow, 32, EXPIRED, family.nat


def to_snat(network, family):
    """In reply to a host that is seen with another address."""
    return answering(network, family), 1400, TOO_BIG, family.public2


@pytest.mark.parametrize("way", [to_dnat, to_snat])
def test_established_flow(network, daemon, family, attaches, way):
    network.forget()
    flow, size, kind, address = way(network, family)
    with flow:
        _, counted = expect_one(network, daemon, family, kind, lambda: flow.send(size), address)
    flows = {name: n for (group, name), n in counted.items() if group == "flow"}
    assert flows == {"attached" if attaches else "found": 1}
