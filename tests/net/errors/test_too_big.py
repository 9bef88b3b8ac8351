# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Path MTU discovery works: the client learns the smaller MTU behind the firewall, and a large
upload completes.

   client ----- border ===== firewall ----- dmz
          1500         1500            1280
"""

import re

from lab.client import ANSWERED, Reaction, answering, learnt_mtu, udp, upload
from lab.network import DMZ_MTU
from lab.traffic import Capture, bad_checksums
from expected import TOO_BIG, assert_right

SIZE = 1400


def test_new_flow(stage):
    stage.expect_one(TOO_BIG, stage.open, lambda: udp(stage.client, stage.open, SIZE))
    assert learnt_mtu(stage.client, stage.open) == DMZ_MTU


def test_established_flow(stage):
    with stage.established(stage.open) as flow:
        stage.expect_one(TOO_BIG, stage.open, lambda: flow.send(SIZE))
    assert learnt_mtu(stage.client, stage.open) == DMZ_MTU


def test_answer_in_a_flow_from_inside(network, daemon, family):
    """The packet that is too big goes in the reply direction of a flow with SNAT."""
    network.forget()
    account = daemon.account()
    with Capture(network.client, "eth0") as capture, answering(network, family) as flow:
        assert flow.send(SIZE) == Reaction(
            TOO_BIG.answer, family.public2, *TOO_BIG.type_and_code(family), DMZ_MTU)
        account.expect(nobody=1)
        error, = capture.errors()
        assert_right(error, TOO_BIG, family, family.public2, capture.sent)


def test_upload(stage):
    account = stage.daemon.account()
    with Capture(stage.client, "eth0") as capture:
        assert upload(stage.client, stage.open, 200_000) == ANSWERED
        errors = capture.errors(1)
    account.expect(**{stage.outcome: len(errors)})
    assert {(e.source, e.mtu) for e in errors} == {(stage.source(stage.open), DMZ_MTU)}
    assert all(any(e.quotes(packet) for packet in capture.sent) for e in errors)
    assert bad_checksums([e.packet for e in errors]) == []
    assert learnt_mtu(stage.client, stage.open) == DMZ_MTU


def test_tracepath(stage):
    path = stage.client.run("tracepath", "-n", "-m", "4", stage.open).stdout
    assert re.search(rf"{re.escape(stage.source(stage.open))} .*\n.* pmtu {DMZ_MTU}\n", path), path
