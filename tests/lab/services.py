# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""The open services of the dmz: UDP echo, and a TCP server that counts what it gets and
tells the number at the end."""

import contextlib
import selectors
import socket
import threading
import time

from .client import ECHO_PORT


def _bind(server, address):
    """An IPv6 address is there a moment after it was added."""
    for _ in range(200):
        with contextlib.suppress(OSError):
            return server.bind((address, ECHO_PORT))
        time.sleep(0.01)
    return server.bind((address, ECHO_PORT))


class Services:
    def __init__(self, host, addresses):
        self._selector = selectors.DefaultSelector()
        with host.here():
            for address in addresses:
                family = socket.AF_INET6 if ":" in address else socket.AF_INET
                datagrams = socket.socket(family, socket.SOCK_DGRAM)
                _bind(datagrams, address)
                self._serve(datagrams, self._echo)
                self._serve(socket.create_server((address, ECHO_PORT), family=family), self._accept)
        self._wake, end = socket.socketpair()
        self._serve(end, None)
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    def close(self):
        self._wake.close()
        self._thread.join()

    def _serve(self, server, action):
        server.setblocking(False)
        self._selector.register(server, selectors.EVENT_READ, action)

    def _loop(self):
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    return self._close_all()
                with contextlib.suppress(OSError):  # a client that has gone
                    key.data(key.fileobj)

    def _close_all(self):
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()
        self._selector.close()

    @staticmethod
    def _echo(server):
        data, peer = server.recvfrom(2048)
        server.sendto(data[:100], peer)

    def _accept(self, server):
        connection, _ = server.accept()
        count = 0

        def drain(connection):
            nonlocal count
            try:
                data = connection.recv(65536)
            except OSError:
                data = None
            count += len(data or b"")
            if not data:
                self._selector.unregister(connection)
                with contextlib.suppress(OSError):
                    connection.send(b"%d" % count)
                connection.close()
        self._serve(connection, drain)
