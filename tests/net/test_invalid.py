# SPDX-License-Identifier: GPL-2.0-or-later
"""An error about a packet that conntrack calls INVALID belongs to no flow and is queued directly.

   client ----- border ===== firewall -x- dmz      the firewall has forgotten an established
                             REJECT                TCP connection and takes up none
"""

import select
import socket

from lab.client import ANSWERED, IP_RECVERR, IPV6_RECVERR, TcpFlow
from lab.traffic import Capture
from stage import REFUSED, assert_right

WITNESS = """
table inet witness {
    chain output {
        type filter hook output priority mangle - 1;
        ct state invalid counter
    }
}
"""


def test_connection_that_the_firewall_forgot(network, daemon, family):
    network.firewall.sysctl({"net.netfilter.nf_conntrack_tcp_loose": 0})
    network.firewall.nft(WITNESS)
    with TcpFlow(network.client, family.plain) as flow:
        assert flow.connect() == ANSWERED
        network.forget()
        with network.rejecting(family.plain), Capture(network.client, "eth0") as capture:
            account = daemon.account()
            report_errors(flow.socket, family)
            flow.socket.send(b"x" * 100)
            select.select([flow.socket], [], [], 2)
            assert flow.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 111
            errors = capture.errors(1)
            account.expect(outer=len(errors))
    assert network.firewall.nft_counter("inet", "witness", "output") == [len(errors)]
    network.firewall.nft("delete table inet witness")
    for error in errors:
        assert_right(error, REFUSED, family, family.public, capture.sent)


def report_errors(tcp_socket, family):
    """An established connection shrugs off errors unless told to report them."""
    if family.version == 4:
        tcp_socket.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
    else:
        tcp_socket.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
