# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Behind stateless 1:1 NAT the kernel restores nothing: the error's source and the packet in it
are made public, and the client's socket knows it as the answer to what it sent.

   client ----- border ===== firewall ------------ dmz
   to 1.2.3.20               notrack,              192.168.1.20
                             1.2.3.20 -> 192.168.1.20, REJECT
"""

import pytest

from lab.client import ECHO_PORT, TIMED_OUT, UdpFlow, traceroute, udp
from lab.traffic import Capture, addresses, bad_checksums
from expected import EXPIRED, REFUSED, TOO_BIG, expect_one, expect_ping_refused, expect_tcp_refused

OTHER_PORT = 8080


@pytest.fixture
def stateless(network, daemon, family):
    """One error about the stateless host, provoked and held against what was sent."""
    network.forget()

    def expect(kind, action):
        error, _ = expect_one(network, daemon, family, kind, action)
        return error
    return expect


def test_rejected(stateless, network, family):
    stateless(REFUSED, lambda: udp(network.client, family.stateless))


def test_each_packet_of_a_flow_alike(stateless, network, family):
    with UdpFlow(network.client, family.stateless) as flow:
        for _ in range(3):
            stateless(REFUSED, flow.send)


def test_whole_quote_is_what_was_sent(stateless, network, family):
    """The quote is complete, so that the decoder can also check its UDP checksum."""
    error = stateless(REFUSED, lambda: udp(network.client, family.stateless, size=32))
    assert not error.cut_short
    assert error.inner.endswith(b"x" * 32)


def test_empty_datagram(stateless, network, family):
    stateless(REFUSED, lambda: udp(network.client, family.stateless, size=0))


def test_expired_before_translation(stateless, network, family):
    """The lab's filter translates before it looks at the TTL, as act_nat and XDP do."""
    stateless(EXPIRED, lambda: udp(network.client, family.stateless, hops=2))


def test_too_big(stateless, network, family):
    stateless(TOO_BIG, lambda: udp(network.client, family.stateless, 1400))


def test_tcp(network, daemon, family):
    network.forget()
    expect_tcp_refused(network, daemon, family, family.stateless)


def test_ping_of_the_rejected_host(network, daemon, family):
    network.forget()
    expect_ping_refused(network, daemon, family, family.stateless)


def test_port_stays(network, daemon, family):
    """Maps know no ports: where stateless NAT changes one, the client does not know its packet again."""
    network.forget()
    account, ip = daemon.account(), "ip" if family.version == 4 else "ip6"
    network.firewall.nft(f"""table {ip} ports {{
        chain stateless {{
            type filter hook prerouting priority mangle + 1;
            {ip} daddr {family.stateless_inside} udp dport {OTHER_PORT} udp dport set {ECHO_PORT}
        }}
    }}""")
    try:
        with Capture(network.client, "eth0") as capture, UdpFlow(network.client, family.stateless, OTHER_PORT) as flow:
            flow.send(timeout=0)
            account.expect(both=1)
            error, = capture.errors(1)
            assert flow.reaction(timeout=0) == TIMED_OUT
    finally:
        network.firewall.run(f"nft delete table {ip} ports")
    at = 20 if family.version == 4 else 40
    assert addresses(error.inner) == (family.client, family.stateless)
    assert int.from_bytes(error.inner[at + 2:at + 4], "big") == ECHO_PORT
    assert bad_checksums([error.packet]) == []


def test_traceroute(network, daemon, family):
    network.forget()
    assert traceroute(network.client, family.stateless, 2) == [family.router, family.public]
