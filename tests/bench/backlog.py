# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Queues that are filled while icmpnatd is stopped, so that it finds full batches when it goes on:
what it needs for them does not depend on how fast errors come. To be used in a sandbox
(lab/sandbox.py), which nothing leaves.

   raw socket -> OUTPUT, NFQUEUE -> icmpnatd -> POSTROUTING, DROP
"""

import contextlib
import os
import re
import signal
import socket
import struct
import subprocess
import tempfile
import time
from dataclasses import dataclass

from lab.daemon import paused

PRIVATE, PUBLIC = {4: "192.168.42.1", 6: "fd42::1"}, {4: "1.2.3.1", 6: "2001:db8:1::1"}
HOST, HOST_PUBLIC = {4: "192.168.1.20", 6: "fd00:1::20"}, {4: "1.2.3.20", 6: "2001:db8:1::20"}
SENDERS = {4: "203.0.113.%d", 6: "2001:db8:c::%d"}  # one for each queue
PORTS = 40000, 7
SETUP = """
link add eth0 type veth peer name peer
link set lo up
link set peer up
link set eth0 arp off up
addr add 192.168.42.1/24 dev eth0
addr add fd42::1/64 dev eth0 nodad
route add default dev eth0
route add ::/0 dev eth0
"""


def run(*command, **options):
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, **options).stdout


def _sum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return struct.pack("!H", ~total & 0xffff)


def _packed(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def _packet(protocol, source, destination, payload):
    """An IP packet; ICMP in it gets its sum."""
    ends = _packed(source) + _packed(destination)
    if protocol in (1, 58):
        pseudo = ends + struct.pack("!II", len(payload), protocol) if protocol == 58 else b""
        payload = payload[:2] + _sum(pseudo + payload) + payload[4:]
    if len(ends) == 32:
        return struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + ends + payload
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0) + ends
    return head[:10] + _sum(head) + head[12:] + payload


def error(version, about, sender):
    """A time exceeded about a UDP datagram with 32 bytes: 88 bytes in IPv4, 128 in IPv6."""
    datagram = struct.pack("!HHHH", *PORTS, 40, 0x1234) + bytes(32)
    quote = _packet(17, sender, about, datagram)
    icmp = struct.pack("!BBHI", 11 if version == 4 else 3, 0, 0, 0) + quote
    return _packet(1 if version == 4 else 58, PRIVATE[version], sender, icmp)


def maps(count):
    """A table of maps. Two of them hold for the errors above in each family; the others are hosts of 10.0.0.0/8."""
    pairs = [(side[v], public[v]) for v in (4, 6) for side, public in ((PRIVATE, PUBLIC), (HOST, HOST_PUBLIC))]
    pairs = pairs[:1] if count == 1 else pairs
    for i in range(count - len(pairs)):
        tail = ".".join(str(i * 83 >> shift & 255) for shift in (16, 8, 0))
        pairs.append(("10." + tail, "45." + tail))
    return "".join(f"{a} {b}\n" for a, b in pairs)


def setup():
    """The network, once in a sandbox."""
    subprocess.run(["ip", "-batch", "-"], input=SETUP, text=True, check=True)
    for program in "iptables", "ip6tables":
        run(program, "-t", "mangle", "-A", "POSTROUTING", "-o", "eth0", "-j", "DROP")


def know_flow(known):
    """Whether conntrack knows the flow of the errors about a public host."""
    run("conntrack", "-F", stderr=subprocess.DEVNULL)
    if known:
        run("conntrack", "-I", "-p", "udp", "-s", SENDERS[4] % 10, "-d", HOST_PUBLIC[4], "--sport", str(PORTS[0]),
            "--dport", str(PORTS[1]), "-t", "600", stderr=subprocess.DEVNULL)


@dataclass
class Backlog:
    """An icmpnatd (or what `wrapper` makes of one) and its queues."""
    n_maps: int = 4
    workers: int = 1
    length: int = 8192
    settings: str = ""
    wrapper: tuple = ()

    def __enter__(self):
        self._stack = contextlib.ExitStack()
        self.directory = self._stack.enter_context(tempfile.TemporaryDirectory(dir="/run"))
        path = self.directory + "/icmpnatd.conf"
        with open(self.directory + "/maps", "w") as file:
            file.write(maps(self.n_maps))
        with open(path, "w") as file:
            file.write(f'outside = [ "eth0" ];\nmaps_file = "maps";\n{self.settings}\n'
                       f'queue = {{ workers = {self.workers}; length = {self.length}; }};\n'
                       f'control = {{ socket = "{self.directory}/control"; group = ""; }};\n')
        for number in range(self.workers):
            self._capture(number)
        self.process = subprocess.Popen([*self.wrapper, os.environ["ICMPNATD"], "--config", path],
                                        stderr=subprocess.PIPE, text=True)
        self._stack.callback(self.process.stderr.close)
        said = []
        for line in self.process.stderr:
            if "started on queue" in line:
                return self
            said.append(line)
        raise RuntimeError(f"icmpnatd did not start: {''.join(said)}")

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self._stack.close()

    def _capture(self, number):
        for version, program, protocol in (4, "iptables", "icmp"), (6, "ip6tables", "icmpv6"):
            rule = ["OUTPUT", "-t", "mangle", "-p", protocol, "-d", SENDERS[version] % (10 + number),
                    "-j", "NFQUEUE", "--queue-num", str(number)]
            run(program, "-w", "-A", *rule)
            self._stack.callback(run, program, "-w", "-D", *rule)

    @contextlib.contextmanager
    def stopped(self):
        """What is in here finds icmpnatd stopped."""
        with paused(self.process.pid):
            yield

    def _tasks(self, name):
        """What a file in /proc says of each thread."""
        tasks = f"/proc/{self.process.pid}/task"
        for task in os.listdir(tasks):
            with open(f"{tasks}/{task}/{name}") as file:
                yield int(task), file.read()

    def fill(self, count, version=4, private=False):
        """Puts count errors into each queue: about the private host, or about a public one."""
        family = socket.AF_INET if version == 4 else socket.AF_INET6
        about = HOST[version] if private else HOST_PUBLIC[version]
        self._sockets = []  # a queued packet is charged to its socket
        for number in range(self.workers):
            sender = SENDERS[version] % (10 + number)
            packet = error(version, about, sender)
            for i in range(count):
                if i % 100 == 0:
                    self._sockets.append(socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW))
                self._sockets[-1].sendto(packet, (sender, 0))

    def queued(self):
        """Packets in the queues, of which none may have been dropped."""
        total = 0
        with open("/proc/net/netfilter/nfnetlink_queue") as file:
            for line in file:
                fields = [int(field) for field in line.split()]
                assert fields[5] == fields[6] == 0, f"dropped by the kernel: {line}"
                total += fields[2]
        return total

    def drain(self, timeout=120):
        """Waits until the queues are empty; returns after how many seconds that was."""
        start = time.monotonic()
        while self.queued():
            time.sleep(0.0005)
            assert time.monotonic() < start + timeout, "the queue does not get empty"
        return time.monotonic() - start

    def stats(self):
        """The sums of counters, as {(group, name): value}."""
        totals = {}
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(self.directory + "/control")
            control.sendall(b"stats\n")
            with control.makefile() as answer:
                for group, name, _, value in re.findall(r"^(\S+)\t(\S+)\t(\S*)\t(\d+)$", answer.read(), re.M):
                    totals[group, name] = totals.get((group, name), 0) + int(value)
        return totals

    def processor_times(self):
        """Seconds that the threads but the main one have used (user and system)."""
        return sorted(int(text.split()[0]) / 1e9 for task, text in self._tasks("schedstat")
                      if task != self.process.pid)
