# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""A real daemon in a network namespace of the tests' own, and what one needs to
talk to it and to see that it still serves its queue.

Needs the programs' paths in ICMPNATD and ICMPNATCTL, and root or user namespaces.
"""
import contextlib
import ctypes
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import time
import types

import pytest

from lab.client import quickest, wait_until
from lab.process import descriptors
from lab.reachable import reachable_directory
from lab.sandbox import run, why_changes_are_lost

PROGRAMS = {name: os.environ.get(name.upper(), "") for name in ("icmpnatd", "icmpnatctl")}
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
NOBODY = 65534
GROUP = types.SimpleNamespace(name="daemon", gid=1)  # one that every Debian has
IDLE = 5  # seconds after which the daemon cuts a silent client off
CLIENTS = 32
MAPS = ("192.168.77.1", "198.20.0.1"), ("192.168.78.0/24", "198.20.78.0/24")


with open("/proc/self/uid_map", encoding="ascii") as uid_map:
    ROOT = os.geteuid() == 0 and uid_map.read().split() == ["0", "0", "4294967295"]
KERNEL_COUNTERS = ROOT  # their file is for the host's root only
needs_users = pytest.mark.skipif(not ROOT, reason="only the host's root can become other users")


@contextlib.contextmanager
def acting_as(user, *groups):
    """Whoever connects here does it as that user, a member of these groups and of no other."""
    before = os.getgroups()
    os.setgroups(groups)
    os.setegid(NOBODY)
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(before)


def unshare():
    """Gives this process a network of its own; as a user, also the rights in it."""
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWNET | (0 if uid == 0 else CLONE_NEWUSER)) != 0:
        pytest.skip("no namespaces here: " + os.strerror(ctypes.get_errno()), allow_module_level=True)
    if uid != 0:
        for name, text in ("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1"):
            pathlib.Path("/proc/self", name).write_text(text, encoding="ascii")


def capture():
    """Errors that this host sends to itself go through queue 0."""
    setup = """
        ip link set lo up
        ip addr add 20.0.0.5/32 dev lo
        ip addr add 192.168.77.1/32 dev lo
        sysctl -qw net.ipv4.icmp_ratelimit=0
        iptables -A OUTPUT -p icmp --icmp-type destination-unreachable -j NFQUEUE --queue-num 0"""
    for line in setup.strip().splitlines():
        subprocess.run(line.split(), check=True)


@pytest.fixture(scope="session", autouse=True)
def network():
    missing = [name.upper() for name, path in PROGRAMS.items() if not os.access(path, os.X_OK)]
    if missing:
        pytest.skip("no program named by " + ", ".join(missing))
    unshare()
    if reason := why_changes_are_lost(run):
        pytest.skip(reason)
    capture()


def probe(source="127.0.0.1", target="127.0.0.1", timeout=2):
    """Sends to a port that is closed. True if the error came back: it went through the queue."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind((source, 0))
        s.connect((target, 9))
        s.settimeout(timeout)
        s.send(b"?")
        try:
            s.recv(1)
        except ConnectionRefusedError:
            return True
        except TimeoutError:
            return False
    return False


class Daemon:
    """A daemon to be configured, started, asked and killed."""

    def __init__(self, directory):
        self.directory = directory
        self.socket = self.directory / "control"
        self.file = self.directory / "icmpnatd.conf"
        self.process = None
        self.others = []
        self.configure()

    def configure(self, maps=MAPS, more="", group=""):
        """Writes the configuration; its maps stand there, or in a table if there are more than a hundred."""
        lines = ",\n".join(f'  {{ private = "{a}"; public = "{b}"; }}' for a, b in maps)
        if len(maps) > 100:
            table, lines = self.directory / "maps", ""
            table.write_text("".join(f"{a} {b}\n" for a, b in maps), encoding="ascii")
            table.chmod(0o644)
            more += f'maps_file = "{table.name}";'
        self.file.write_text(f'outside = [ "lo" ];\nrules = "external"; maps = (\n{lines}\n);\n{more}\n'
                             f'control = {{ socket = "{self.socket}"; group = "{group}"; }};\n', encoding="ascii")
        self.file.chmod(0o644)

    def launch(self, ready, prefix):
        with open(self.directory / "log", "ab") as log:
            return subprocess.Popen([*prefix, self.program("icmpnatd"), "-c", str(self.file)], stderr=log,
                                    env={**os.environ, "NOTIFY_SOCKET": str(ready)})

    def start(self, prefix=()):
        """Starts the daemon and waits until it says READY=1."""
        path = self.directory / "notify"
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
            ready.bind(str(path))
            path.chmod(0o666)
            ready.settimeout(0.1)
            self.process = self.launch(path, prefix)
            for _ in range(600):
                try:
                    if b"READY=1" in ready.recv(4096).split(b"\n"):
                        return self
                except TimeoutError:
                    assert self.process.poll() is None, self.log()
        raise AssertionError("not ready within a minute: " + self.log())

    def fail(self):
        """Starts a daemon that must give up at once; returns what it says, but for warnings
        about the configuration."""
        done = subprocess.run([PROGRAMS["icmpnatd"], "-c", str(self.file)], stderr=subprocess.PIPE, timeout=60,
                              check=False)
        assert done.returncode == 1
        return "".join(line for line in done.stderr.decode().splitlines(True) if ": warning: " not in line)

    def log(self):
        return (self.directory / "log").read_text(encoding="utf-8")

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.returncode is None:
            self.process.send_signal(how)
            self.process.wait(60)
        return self.process.returncode if self.process else None

    def connect(self, timeout=60):
        """A connection; waits for its turn where many come at once."""
        s = socket.socket(socket.AF_UNIX)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", timeout, 0))
        s.connect(str(self.socket))
        s.settimeout(timeout)
        self.others.append(s)
        return s

    def raw(self, request, timeout=60):
        """Sends bytes; returns all that comes back until the daemon closes."""
        with self.connect(timeout) as s:
            try:
                s.sendall(request)
            except (BrokenPipeError, ConnectionResetError):
                pass
            return read_all(s)

    def ask(self, request):
        """Asks politely; returns the rows of a good answer, cut into fields."""
        lines = self.raw(request.encode() + b"\n").decode().split("\n")
        assert lines[-2:] == ["ok", ""], lines[-3:]
        return [line.split("\t") for line in lines[:-2]]

    def refuse(self, request, **how):
        """Asks for something that must be refused; returns the rows and the reason."""
        *rows, last, end = self.raw(request.encode() + b"\n", **how).decode().split("\n")
        word, reason = last.split("\t", 1)
        assert (word, end) == ("error", "")
        return rows, reason

    def ctl(self, *arguments, **how):
        return subprocess.run([self.program("icmpnatctl"), "-s", str(self.socket), *arguments], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=60, check=False, **how)

    def program(self, name):
        """A copy that every user may run, wherever the build is."""
        copy = self.directory / name
        if not copy.exists():
            shutil.copy(PROGRAMS[name], copy)
            copy.chmod(0o755)
        return str(copy)

    def descriptors(self):
        return descriptors(self.process)

    def processor_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def is_well(self):
        """Serves its queue and another client, both within two seconds."""
        def attempt():
            before = time.monotonic()
            assert self.process.poll() is None, self.log()
            assert probe()
            assert ["pid", str(self.process.pid)] in self.ask("status")
            return time.monotonic() - before
        assert quickest(attempt, 2) < 2
        return True

    def close(self):
        for s in self.others:
            s.close()
        code = self.stop()
        assert code in (None, 0, -signal.SIGKILL), self.log()
        assert "runtime error" not in self.log() and "Sanitizer" not in self.log()


def counters(daemon):
    """What stats answers, by group, name and instance."""
    return {(group, name, instance): int(value) for group, name, instance, value in daemon.ask("stats")}


def read_all(s):
    received = b""
    while True:
        try:
            piece = s.recv(65536)
        except ConnectionResetError:
            return received
        if not piece:
            return received
        received += piece


def many(count):
    """Distinct maps of host to host."""
    return [(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", f"20.{n >> 16}.{n >> 8 & 255}.{n & 255}")
            for n in range(count)]


@contextlib.contextmanager
def unharmed(daemon):
    """The daemon must be as well afterwards, and have as many descriptors, as before."""
    assert daemon.is_well()
    before = daemon.descriptors()
    yield daemon
    for s in daemon.others:
        s.close()
    daemon.others.clear()
    assert daemon.is_well()
    wait_until(lambda: daemon.descriptors() == before, "as many descriptors as before")


@contextlib.contextmanager
def make_daemon():
    with reachable_directory() as directory:
        d = Daemon(directory)
        (d.directory / "log").touch()
        yield d
        d.close()


@pytest.fixture
def stopped():
    """A daemon that is configured and not started."""
    with make_daemon() as d:
        yield d


@pytest.fixture
def daemon(stopped):
    return stopped.start()
