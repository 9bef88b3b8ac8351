# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Another program on the firewall with a queue of its own, like an intrusion prevention system: it accepts all
that it gets."""

import contextlib
import select
import socket
import struct
import threading

from tap import ACK, REQUEST, Netlink, attribute, attributes

QUEUE, PACKET, VERDICT, CONFIG = 3, 0, 1, 2  # NFNL_SUBSYS_QUEUE and NFQNL_MSG_*
NUMBER, ACCEPT = 5, 1
RULE = "-w -t {table} -{change} {chain} -j NFQUEUE --queue-num {number}"


class Holder(Netlink):
    """It has a queue, and takes nothing from it."""

    def __init__(self, host, number=NUMBER):
        super().__init__(host)
        self._number = number
        for config in (attribute(1, struct.pack("!BBH", 1, 0, 0)),      # NFQA_CFG_CMD: bind
                       attribute(2, struct.pack("!IB", 0, 1))):         # NFQA_CFG_PARAMS: of packets, no byte
            self.request(QUEUE, CONFIG, REQUEST | ACK, resource=number, data=config)


class Inspector(Holder):
    def __init__(self, host, number=NUMBER):
        super().__init__(host, number)
        self._end, self._ended = socket.socketpair()
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    def close(self):
        self._end.close()
        self._thread.join()
        super().close()

    def _loop(self):
        while self._ended not in select.select([self.socket, self._ended], [], [])[0]:
            for kind, data in self.messages():
                if kind == QUEUE << 8 | PACKET:
                    identifier = attributes(data)[1][:4]                # NFQA_PACKET_HDR
                    verdict = attribute(2, struct.pack("!I", ACCEPT) + identifier)
                    self.send(QUEUE, VERDICT, REQUEST, resource=self._number, data=verdict)
        self._ended.close()


@contextlib.contextmanager
def holding(host, number, holder=Inspector):
    """The other program has a queue, which no rule of its own leads to."""
    inspector = holder(host, number)
    try:
        yield
    finally:
        inspector.close()


def _change(host, change, chains, kind):
    for table, chain in chains:
        rule = RULE.format(table=table, change=change, chain=chain, number=NUMBER)
        host.run(f"iptables{kind} {rule} && ip6tables{kind} {rule}")


@contextlib.contextmanager
def inspected(host, *chains, kind="", holder=Inspector):
    """What passes these chains of the host, each named with its table, passes the other program; the kind of iptables
    is its usual one, or "-legacy"."""
    with holding(host, NUMBER, holder):
        _change(host, "A", chains, kind)
        try:
            yield
        finally:
            _change(host, "D", chains, kind)
