# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""The network in which everything is measured: real errors of the lab's firewall, one contender on queue 0.

   flood -> border router -> firewall: TTL exceeded or REJECT -> copy -> queue -> contender
            sink: counts errors and drops them, at the lowest hook <------------- reinjected

The flood, with all that the kernel does for it, has the first processor, the contender the last one."""

import contextlib
import os
import subprocess
import time
from dataclasses import dataclass

from lab.client import wait_until
from lab.daemon import Daemon, Rules, configuration
from lab.network import V4, V6, Network
from lab.process import resident

HERE = os.path.dirname(os.path.abspath(__file__))
CPUS = sorted(os.sched_getaffinity(0))
EXPIRED, REJECTED, FORWARDED = "TTL exceeded", "REJECT", "forwarded"
STATELESS = "TTL exceeded behind stateless NAT"
LONG, DEFAULT = 65536, 8192  # lengths of a queue
SINK = """
table netdev bench {{
    chain sink {{
        type filter hook ingress device "fwl" priority 0;
        ip protocol icmp ip saddr {v4.public} counter drop
        ip protocol icmp ip saddr {v4.firewall} counter drop
        ip6 nexthdr icmpv6 icmpv6 type {{ 1, 3 }} ip6 saddr {v6.public} counter drop
        ip6 nexthdr icmpv6 icmpv6 type {{ 1, 3 }} ip6 saddr {v6.firewall} counter drop
    }}
}}
"""
DMZ_SINK = """
table netdev bench {
    chain sink {
        type filter hook ingress device "eth0" priority 0;
        meta l4proto udp drop
    }
}
"""
NFT = """
table ip bench {{
    chain postrouting {{
        type filter hook postrouting priority srcnat + 10;
        oifname "eth0" ip saddr {v4.firewall} icmp type {{ 3, 11, 12 }} ip saddr set {v4.public}
    }}
}}
"""


@dataclass(frozen=True)
class Contender:
    """What is put on the queue: icmpnatd with so many maps, or a command."""
    name: str
    family: object = V4
    maps: int = 0
    options: str = ""    # of icmpnatd's file
    command: tuple = ()  # of what is not icmpnatd
    slow: bool = False   # thousands of packets a second, not hundreds of thousands
    rewrites: bool = True
    program: str = ""    # of icmpnatd, if it is not the one that was built
    stateless: bool = False  # has a map for the statelessly NATed host


PROGRAM = "{build}/tests/bench/contender"
FLOOR = Contender("floor", command=(PROGRAM, "floor"), rewrites=False)
FLOOR6 = Contender("floor, IPv6", V6, command=(PROGRAM, "floor"), rewrites=False)
REWRITE = Contender("rewriting floor", command=(PROGRAM, "rewrite"))
EXAMPLE = Contender("example", command=(PROGRAM, "example"))
PYTHON = Contender("Python", command=(HERE + "/contender.py", "plain"))
SCAPY = Contender("Python, scapy", command=(HERE + "/contender.py", "scapy"), slow=True)
ICMPNATD = Contender("icmpnatd", maps=1)
DAEMONS = [Contender(f"icmpnatd{', IPv6' if f is V6 else ''}{f', {n:,} maps' if n > 1 else ''}", f, n)
           for f in (V4, V6) for n in (1, 1000, 100000)]
# Another build of icmpnatd, to be compared in the same rounds: BASELINE names the program.
BASELINE = [Contender("another build", maps=1, program=os.environ["BASELINE"])] if "BASELINE" in os.environ else []
STATELESS_PYTHON = Contender("Python, stateless NAT", command=(HERE + "/contender.py", "quotes=" + V4.stateless))
STATELESS_DAEMONS = {f: Contender(f"icmpnatd, stateless NAT, IPv{f.version}", f, 1, stateless=True) for f in (V4, V6)}
LOOKUPS = Contender("icmpnatd, lookups always", maps=1, options='lookup = "always";\n')


def filler(family, count):
    """Maps of single hosts, with gaps between them, that no packet of the benchmark needs."""
    if family is V4:
        hosts = [f"{i >> 15}.{i >> 7 & 255}.{2 * i & 255}" for i in range(count)]
        return [("10." + host, "11." + host) for host in hosts]
    hosts = [f"{i >> 16:x}:{i & 0xffff:x}:0" for i in range(count)]
    return [("fd00:2::" + host, "2001:db8:2::" + host) for host in hosts]


class NoRules:
    """The rules are the stage's business."""
    load = unload = staticmethod(lambda: None)


def tasks(process):
    return [f"/proc/{process.pid}/task/{task}" for task in os.listdir(f"/proc/{process.pid}/task")]


def processor_ns(process):
    """The processor time of all threads, with what the kernel did in their name."""
    total = 0
    for task in tasks(process):
        with open(task + "/schedstat") as file:
            total += int(file.read().split()[0])
    return total


def status(process, field):
    """A number in the status of each thread."""
    numbers = []
    for task in tasks(process):
        with open(task + "/status") as file:
            numbers += [int(line.split()[1]) for line in file if line.startswith(field + ":")]
    return numbers


def resident_mib(process):
    return resident(process) / 1024


@contextlib.contextmanager
def on_cpu(cpu, pid=0):
    """A process, this one if none is named, stays on a processor for a while."""
    before = os.sched_getaffinity(pid)
    os.sched_setaffinity(pid, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(pid, before)


@dataclass
class Flood:
    count: int
    processor: float  # ns per error, to provoke and to emit it
    rate: float       # errors per second


@dataclass
class Arrived:
    rewritten: int
    untouched: int


class Stage:
    def __init__(self):
        self.build = os.path.dirname(os.path.dirname(os.environ["ICMPNATD"]))
        self.network = Network()
        self.firewall, self.router = self.network.firewall, self.network.router
        self.router.nft(SINK.format(v4=V4, v6=V6))
        self.network.dmz.nft(DMZ_SINK)
        self._daemons, self._rules = {}, None

    def close(self):
        self.capture(None)
        self.network.close()

    def capture(self, workers, kernel="never"):
        """Loads the capture rules for so many workers; none without."""
        path, wanted = f"/run/rules.{workers}", (workers, kernel)
        if self._rules and self._rules[0] != wanted:
            self._rules[1].unload()
            self._rules = None
        if workers and not self._rules:
            with open(path, "w") as file:
                file.write(configuration(queue=f"workers = {workers};", control="/run/none", kernel=kernel))
            self._rules = wanted, Rules(self.firewall, path)
            self._rules[1].load()

    @contextlib.contextmanager
    def only_nft(self, rules=NFT):
        """One nft rule does the work, or nothing does: no capture, no queue."""
        self.capture(None)
        self.firewall.nft(rules.format(v4=V4))
        try:
            yield
        finally:
            self.firewall.nft("table ip bench; delete table ip bench")

    @contextlib.contextmanager
    def held(self):
        """The tables that a daemon holds with kernel = "auto", and no daemon."""
        self.capture(None)
        path = "/run/held.conf"
        with open(path, "w") as file:
            file.write(configuration(control="/run/none", rules="own", kernel="auto"))
        holder = self.firewall.start([self.build + "/tests/net/rules/hold_inner", path], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, text=True)
        assert holder.stdout.readline() == "ready\n"
        try:
            yield
        finally:
            holder.communicate()

    @contextlib.contextmanager
    def running(self, contender, length=DEFAULT, workers=1):
        """The contender's process, ready, on the last processor unless it has several workers."""
        self.capture(workers)
        if contender.command:
            process, stop = self._start(contender, length)
        else:
            daemon = self._daemon(contender, length, workers)
            daemon.start(contender.program)
            process, stop = daemon.process, daemon.stop
        try:
            for task in tasks(process) if workers == 1 else []:
                os.sched_setaffinity(int(os.path.basename(task)), {CPUS[-1]})
            yield process
        finally:
            stop()

    def _start(self, contender, length):
        command = [word.format(build=self.build) for word in contender.command]
        process = self.firewall.start([*command, "0", str(length), V4.public])

        def stop():
            process.terminate()
            process.wait()
        wait_until(lambda: self.copying(process), f"{contender.name} to be ready", 20)
        return process, stop

    def _daemon(self, contender, length, workers):
        key = contender, length, workers
        if key not in self._daemons:
            family = contender.family
            daemon = Daemon(self.network, rules=NoRules)
            many = contender.maps > 1
            if many:
                with open(daemon.directory + "/maps", "w") as table:
                    table.writelines(f"{a} {b}\n" for a, b in filler(family, contender.maps - 1))
            hosts = [(family.stateless_inside, family.stateless)] * contender.stateless
            daemon.write(configuration([(family.firewall, family.public), *hosts], f"length = {length}; workers = {workers};",
                                       daemon.socket) + many * 'maps_file = "maps";\n' + contender.options)
            self._daemons[key] = daemon
        return self._daemons[key]

    def _queues(self):
        """The kernel's queues: number, owner, packets that wait, copy mode and more of each."""
        with self.firewall.here(), open("/proc/thread-self/net/netfilter/nfnetlink_queue") as file:
            return [[int(word) for word in line.split()] for line in file]

    def copying(self, process):
        assert process.poll() is None, f"a contender ended with status {process.returncode}"
        return any(queue[3] == 2 for queue in self._queues())

    def waiting(self):
        return sum(queue[2] for queue in self._queues())

    def settle(self, timeout=60):
        """Waits until no packet waits for a verdict, and the contender rests."""
        wait_until(lambda: self.waiting() == 0, "the queue to be empty", timeout, 0.0005)
        time.sleep(0.01)

    def arrived(self):
        """The errors that the sink has counted, of both families."""
        counters = self.router.nft_counter("netdev", "bench", "sink")
        return Arrived(counters[0] + counters[2], counters[1] + counters[3])

    @contextlib.contextmanager
    def arriving(self):
        """Gives what arrives at the sink in the meantime, at the end."""
        before, result = self.arrived(), Arrived(0, 0)
        yield result
        after = self.arrived()
        result.rewritten = after.rewritten - before.rewritten
        result.untouched = after.untouched - before.untouched

    def flood(self, count, rate=0, kind=EXPIRED, family=V4, cpu=CPUS[0]):
        """Provokes so many errors, or has so many datagrams forwarded; as fast as one processor can if no rate is given."""
        target = {EXPIRED: (family.plain, 1), REJECTED: (family.plain_rejected, 64), FORWARDED: (family.plain, 64),
                  STATELESS: (family.stateless, 1)}[kind]
        command = [f"{self.build}/tests/bench/flood", family.router, *target, count, rate]
        flood = self.router.start([str(word) for word in command], stdout=subprocess.PIPE, text=True,
                                  preexec_fn=lambda: os.sched_setaffinity(0, {cpu}))
        output, _ = flood.communicate()
        assert flood.returncode == 0, "the flood failed"
        processor, wall = map(int, output.split())
        return Flood(count, processor / count, count * 1e9 / wall)
