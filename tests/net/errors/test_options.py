# SPDX-License-Identifier: GPL-2.0-or-later
"""A client whose datagrams have IPv4 options hears of errors as any other does, although the kernel quotes a header
that it has written its address into, and not summed again. (Behind stateless NAT the kernel's REJECT emits nothing then:
it takes the sum of the header for a part of that of the datagram.)

   client ----- border ===== firewall ------------ dmz       === the private link
   record route, timestamp   REJECT, or TTL exceeded
"""

import pytest

from lab.client import UdpFlow
from lab.daemon import Daemon
from lab.network import V4
from expected import EXPIRED, REFUSED, TOO_BIG

IP_OPTIONS = 4
NOP = b"\x01"
OPTIONS = {
    "record-route": NOP + bytes([7, 39, 4]) + bytes(36),
    "record-route-odd": bytes([7, 39, 4]) + bytes(36) + NOP,
    "full-after-border": NOP + bytes([7, 7, 4]) + bytes(4),
    "timestamp": bytes([68, 36, 5, 0]) + bytes(32),
    "timestamp-address": bytes([68, 36, 5, 1]) + bytes(32),
}
SCENES = {"rejected": (V4.plain_rejected, REFUSED, {}), "expired": (V4.plain, EXPIRED, {"hops": 2}),
          "stateless-expired": (V4.stateless, EXPIRED, {"hops": 2}),
          "stateless-too-big": (V4.stateless, TOO_BIG, {"size": 1400})}


@pytest.fixture(scope="module", params=["auto", "never"])
def daemon(network, request):
    with Daemon(network, kernel=request.param) as daemon:
        yield daemon


def send(network, address, options, hops=64, size=100):
    with UdpFlow(network.client, address) as flow:
        flow.socket.setsockopt(0, IP_OPTIONS, options)
        flow.hops(hops)
        return flow.send(size)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("scene", SCENES)
def test_the_client_hears_of_it(network, daemon, scene, options):
    address, kind, how = SCENES[scene]
    network.forget()
    heard = send(network, address, OPTIONS[options], **how)
    assert (heard.answer, heard.offender) == (kind.answer, V4.public)
    assert (heard.type, heard.code) == kind.v4
