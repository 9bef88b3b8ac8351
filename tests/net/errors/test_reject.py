# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""A client whose packet the firewall REJECTs is told so at once, by a public address.

   client ----- border ===== firewall -x- dmz      === the private link; the border drops
                                REJECT                 errors that come from it
"""

import socket

from lab.client import Reaction, tcp, udp
from lab.traffic import Capture, bad_checksums
from expected import REFUSED


def test_new_flow(stage):
    stage.expect_one(REFUSED, stage.rejected, lambda: udp(stage.client, stage.rejected))


def test_established_flow(stage):
    with stage.established(stage.open) as flow, stage.network.rejecting(stage.inside):
        stage.expect_one(REFUSED, stage.open, flow.send)


def is_tcp(packet):
    return packet[6 if packet[0] >> 4 == 6 else 9] == socket.IPPROTO_TCP


def test_tcp(stage):
    """The kernel may send a SYN again before it looks at the answer: every one gets its error."""
    account = stage.daemon.account()
    with Capture(stage.client, "eth0") as capture:
        assert tcp(stage.client, stage.rejected, timeout=5) == Reaction("refused")
        capture.errors(1)  # and reads what was sent: once refused, the kernel sends no more
        sent = [packet for packet in capture.sent if is_tcp(packet)]
        errors = capture.errors(len(sent))
        assert len(errors) == len(sent)
        account.expect(**{stage.outcome: len(errors)})
    assert {e.source for e in errors} == {stage.source(stage.rejected)}
    assert all(any(e.quotes(packet) for packet in sent) for e in errors)
    assert bad_checksums([e.packet for e in errors]) == []


def test_private_address_that_upstream_routes(network, daemon, family):
    """The client itself used the private address: it must find it in the inner packet."""
    account = daemon.account()
    assert udp(network.client, family.seed_rejected).answer == "refused"
    account.expect(leaked_inner=1)
