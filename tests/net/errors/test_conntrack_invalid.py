# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""An error about a packet that conntrack calls INVALID belongs to no flow: it is queued without being copied, and made
public by the maps.

   client ----- border ===== firewall -x- dmz      the firewall has forgotten an established
                             REJECT                TCP connection and takes up none
"""

import select
import socket

import pytest

from lab.client import ANSWERED, IP_RECVERR, IPV6_RECVERR, TcpFlow
from lab.traffic import Capture
from expected import REFUSED, assert_right

WITNESS = """
table inet witness {
    chain output {
        type filter hook output priority mangle - 1;
        ct state invalid counter
    }
}
"""


@pytest.fixture
def witness(network):
    """Counts the errors that belong to no flow, before anyone takes them."""
    network.firewall.nft(WITNESS)
    yield lambda: network.firewall.nft_counter("inet", "witness", "output")[0]
    network.firewall.nft("delete table inet witness")


def test_connection_that_the_firewall_forgot(network, daemon, family, witness):
    network.firewall.sysctl({"net.netfilter.nf_conntrack_tcp_loose": 0})
    with TcpFlow(network.client, family.plain) as flow, Capture(network.client, "eth0") as capture:
        assert flow.connect() == ANSWERED
        network.forget()
        account = daemon.account()
        with network.rejecting(family.plain):
            report_errors(flow.socket, family)
            flow.socket.send(b"x" * 100)
            select.select([flow.socket], [], [], 2)
            assert flow.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 111
        emitted = witness()  # the connection tries again and again, but nothing is rejected any more
        errors = capture.errors(emitted)
        account.expect(outer=emitted)
    assert len(errors) == emitted >= 1
    for error in errors:
        assert_right(error, REFUSED, family, family.public, capture.sent)


def report_errors(tcp_socket, family):
    """An established connection shrugs off errors unless told to report them."""
    if family.version == 4:
        tcp_socket.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
    else:
        tcp_socket.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
