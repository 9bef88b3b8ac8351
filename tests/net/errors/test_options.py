# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""A client whose datagrams have IPv4 options hears of errors as any other does, although the kernel quotes a header
that it has written its address into, and not summed again. (Behind stateless NAT the kernel's REJECT emits nothing then:
it takes the sum of the header for a part of that of the datagram.)

   client ----- border ===== firewall ------------ dmz       === the private link
   record route, timestamp   REJECT, or TTL exceeded
"""

import pytest

from lab.client import UdpFlow
from lab.daemon import MAPS, Daemon
from lab.network import V4
from lab.traffic import Capture, header_length
from expected import EXPIRED, REFUSED, TOO_BIG
from malformed import ones_sum

IP_OPTIONS = 4
NOP = b"\x01"
OPTIONS = {
    "record-route": NOP + bytes([7, 39, 4]) + bytes(36),
    "record-route-odd": bytes([7, 39, 4]) + bytes(36) + NOP,
    "full-after-border": NOP + bytes([7, 7, 4]) + bytes(4),
    "timestamp": bytes([68, 36, 5, 0]) + bytes(32),
    "timestamp-address": bytes([68, 36, 5, 1]) + bytes(32),
}
PRIVATE = bytes([192, 168, 42]), bytes([192, 168, 1])  # how they begin
SCENES = {"rejected": (V4.plain_rejected, REFUSED, {}), "expired": (V4.plain, EXPIRED, {"hops": 2}),
          "stateless-expired": (V4.stateless, EXPIRED, {"hops": 2}),
          "stateless-too-big": (V4.stateless, TOO_BIG, {"size": 1400})}


def send(network, address, options, hops=64, size=100):
    with UdpFlow(network.client, address) as flow:
        flow.socket.setsockopt(0, IP_OPTIONS, options)
        flow.hops(hops)
        return flow.send(size)


@pytest.mark.parametrize("kernel", ["auto", "never"])
def test_a_router_without_a_map_is_leaked(network, kernel):
    """The border has written its private address into the options, and no map knows that."""
    network.forget()
    with Daemon(network, kernel=kernel) as daemon:
        account = daemon.account()
        assert send(network, V4.plain, OPTIONS["record-route"], hops=2).offender == V4.public
        assert account.counted()["outcome", "leaked-outer"] == 1


def test_it_is_not_malformed(network):
    """Such a sum is no reason to drop it."""
    network.forget()
    with Daemon(network, queue='malformed = "drop";'):
        assert send(network, V4.plain_rejected, OPTIONS["record-route"]).offender == V4.public


def test_ping_records_the_route(network):
    """As people try it."""
    with Daemon(network, kernel="auto"):
        said = network.client.run("ping", "-n", "-R", "-c1", "-W2", "-t2", V4.plain, check=False).stdout
    assert f"From {V4.public} icmp_seq=1 Time to live exceeded" in said


@pytest.fixture(scope="module", params=["auto", "never"])
def daemon(network, request):
    with Daemon(network, maps=[*MAPS, (V4.router_inner, V4.router)], kernel=request.param) as daemon:
        yield daemon


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("scene", SCENES)
def test_the_client_hears_of_it(network, daemon, scene, options):
    address, kind, how = SCENES[scene]
    network.forget()
    account = daemon.account()
    with Capture(network.client, "eth0") as capture:
        heard = send(network, address, OPTIONS[options], **how)
        error, = capture.errors(1)
    assert (heard.answer, heard.offender) == (kind.answer, V4.public)
    assert (heard.type, heard.code) == kind.v4
    assert private_addresses(error.packet) == []
    assert ones_sum(error.packet[:header_length(error.packet)]) == ones_sum(error.packet[header_length(error.packet):]) == 0
    account.balance(counted := account.counted())
    assert counted["outcome", "outer"] + counted["outcome", "both"] == 1


def private_addresses(packet):
    """Where an address of the lab's private networks stands, in whatever header."""
    return [at for at in range(len(packet)) for private in PRIVATE if packet[at:at + 3] == private]
