# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""A packet that expires at the firewall is answered by a public address: traceroute has no hole.

   client ----- border ===== firewall ----- dmz
                hop 1         hop 2          hop 3
"""

from lab.client import traceroute, udp
from expected import EXPIRED

FIREWALL_HOP = 2


def test_new_flow(stage):
    stage.expect_one(EXPIRED, stage.open, lambda: udp(stage.client, stage.open, hops=FIREWALL_HOP))


def test_established_flow(stage):
    with stage.established(stage.open) as flow:
        flow.hops(FIREWALL_HOP)
        stage.expect_one(EXPIRED, stage.open, flow.send)


def test_traceroute(stage):
    account = stage.daemon.account()
    assert traceroute(stage.client, stage.open) == [
        stage.family.router, stage.source(stage.open), stage.open]
    account.expect(**{stage.outcome: 1})


def test_traceroute_with_tcp(stage):
    account = stage.daemon.account()
    assert traceroute(stage.client, stage.open, 3, "-T", "-p", "7") == [
        stage.family.router, stage.source(stage.open), stage.open]
    account.expect(**{stage.outcome: 1})
