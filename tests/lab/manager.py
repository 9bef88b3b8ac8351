# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""A stand-in for a service manager that keeps descriptors, which speaks its protocol (sd_pid_notify_with_fds(3),
sd_listen_fds(3))."""

import array
import contextlib
import os
import signal
import socket

from .client import wait_until
from .daemon import Daemon, program

FIRST = 3    # the first descriptor that is passed
SPARE = 200  # where those are held that are to be passed


class Manager(Daemon):
    """A daemon with somebody who keeps its descriptors by name."""

    def __init__(self, network, **options):
        super().__init__(network, **options)
        self.store = {}
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(self.directory + "/notify")
        self.notify.settimeout(0.05)

    def start(self):
        self.launch()
        wait_until(self._is_ready, "icmpnatd to be ready")

    def launch(self):
        names, kept = list(self.store), [os.dup(fd) for fd in self.store.values()]

        def place():
            for i, fd in enumerate(kept):
                os.dup2(fd, SPARE + i)
            for i in range(len(kept)):
                os.dup2(SPARE + i, FIRST + i)
        listen = {"LISTEN_FDS": str(len(names)), "LISTEN_FDNAMES": ":".join(names)} if names else {}
        with open(self.log_path, "a") as log:
            self.process = self.host.start(
                ["sh", "-c", 'LISTEN_PID=$$ exec "$0" "$@"', program("icmpnatd"), "--config", self.path],
                stderr=log, preexec_fn=place, pass_fds=range(FIRST, FIRST + len(names)),
                env={**os.environ, **listen, "NOTIFY_SOCKET": self.directory + "/notify"})
        for fd in kept:
            os.close(fd)

    def _is_ready(self):
        assert self.process.poll() is None, "icmpnatd ended: " + self.log()
        return "READY=1" in self.listen()

    def listen(self):
        """Does what the next message wants; returns its lines."""
        with contextlib.suppress(TimeoutError):
            text, control, *_ = self.notify.recvmsg(4096, socket.CMSG_SPACE(4))
            lines = text.decode().splitlines()
            name = dict(line.split("=", 1) for line in lines).get("FDNAME")
            if "FDSTORE=1" in lines:
                assert "FDPOLL=0" in lines
                self.store[name] = array.array("i", control[0][2])[0]
            if "FDSTOREREMOVE=1" in lines and name in self.store:
                os.close(self.store.pop(name))
            return lines
        return []

    def park(self):
        """Ends the daemon as before a restart."""
        self.process.send_signal(signal.SIGUSR1)
        assert self.process.wait(10) == 0, self.log()
        self.hear_all()

    def hear_all(self):
        while self.listen():
            pass

    def close(self):
        self.hear_all()
        for fd in self.store.values():
            os.close(fd)
        self.store = {}
        self.notify.close()
