# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""The figures: each function measures one of them, round after round, in every round each contender
once and in another order, so that what disturbs the machine disturbs all alike."""

import contextlib
import json
import os
import random
import select
import socket
import statistics
import struct
import subprocess
import time
from types import SimpleNamespace

from lab import sandbox
from lab.client import wait_until
from lab.daemon import paused
from lab.network import V4, V6
from lab.traffic import SO_RCVBUFFORCE

from .report import Column, Figure, Target
from .stage import (BASELINE, CPUS, DAEMONS, EXAMPLE, EXPIRED, FLOOR, FLOOR6, FORWARDED, HERE, ICMPNATD, LONG, LOOKUPS, NFT,
                    PYTHON, REJECTED, REWRITE, SCAPY, STATELESS, STATELESS_DAEMONS,
                    STATELESS_PYTHON, on_cpu, processor_ns, resident_mib, status)

NOTHING = "table ip bench {{ }}"
SO_TIMESTAMPNS, PACKET_OUTGOING = 35, 4
IPV4, IPV6 = (next(c for c in DAEMONS if c.family is family and c.maps == 1) for family in (V4, V6))


class Effort:
    """How much is measured: of a full run, and of a quick one."""

    def __init__(self, rounds, quick):
        self.rounds, self.quick = rounds, quick

    def __call__(self, full, quick):
        return quick if self.quick else full

    def each(self, things):
        """All things in each round, in the first one as they stand, then shuffled."""
        yield from things
        for number in range(1, self.rounds):
            yield from random.Random(number).sample(things, len(things))


def check_arrivals(contender, arrived, count):
    got = arrived.rewritten if contender.rewrites else arrived.untouched
    assert got == count, f"{contender.name}: of {count} errors, {got} arrived as they should"


def park(stage, floods):
    """Fills the queues."""
    for count, how in floods:
        stage.flood(count, **how)
    count = sum(count for count, _ in floods)
    assert stage.waiting() == count, f"of {count} errors {stage.waiting()} are parked"


def drain_once(stage, process, floods):
    """Parks errors while the process is stopped. Returns the nanoseconds, of its processors and of
    the wall's clock, from when it is let go until it has answered them all."""
    with paused(process.pid):
        park(stage, floods)
        before, start = processor_ns(process), time.monotonic_ns()
    with on_cpu(CPUS[0]):
        # Seldom, for to look takes time of this processor, on which one of several workers is.
        wait_until(lambda: stage.waiting() == 0, "the queue to be empty", 60, 0.002)
    wall = time.monotonic_ns() - start
    stage.settle()
    return processor_ns(process) - before, wall


def drain(stage, effort):
    figure = Figure("Drain of a filled queue, per error", {
        "processor": Column("processor time, ns"), "wall": Column("elapsed, ns"),
        "resident": Column("resident, MiB", digits=1)})
    full = effort(32768, 8192)
    for c in effort.each([FLOOR, FLOOR6, REWRITE, *DAEMONS, *BASELINE, LOOKUPS, EXAMPLE, PYTHON, SCAPY]):
        count = effort(1000, 300) if c.slow else full
        with stage.running(c, LONG) as process:
            stage.flood(100, family=c.family)
            stage.settle()
            with stage.arriving() as arrived:
                processor, wall = drain_once(stage, process, [(count, {"family": c.family})])
            check_arrivals(c, arrived, count)
            figure.add(c.name, processor=processor / count, wall=wall / count,
                       resident=resident_mib(process))

    def speed(other):
        return figure.ratios("processor", other.name, ICMPNATD.name)
    return figure, [
        Target("drain: speed, icmpnatd / floor", speed(FLOOR), at_least=0.92),
        Target("drain: speed, icmpnatd / rewriting floor", speed(REWRITE), at_least=0.92),
        *(Target("drain: speed, icmpnatd / another build", speed(other), at_least=0.97) for other in BASELINE),
        Target("drain: speed, icmpnatd / example", speed(EXAMPLE), at_least=1.20),
        Target("drain: time, Python / icmpnatd", speed(PYTHON), at_least=3.5),
        Target("drain: time, scapy / icmpnatd", speed(SCAPY), at_least=300),
    ]


def decision_ns(stage, maps, count):
    """The processor time of the whole decision about an error, on the processor of the contenders."""
    done = subprocess.run([f"{stage.build}/tests/bench/decide", str(maps), str(count)], check=True,
                          stdout=subprocess.PIPE, preexec_fn=lambda: os.sched_setaffinity(0, {CPUS[-1]}))
    return float(done.stdout)


def live(stage, effort):
    decisions = {"1 map": 1, "100,000 maps": 100000}
    figure = Figure("Live, at 50,000 errors a second, per error", {
        "processor": Column("processor time, ns"), "emitter": Column("the emitter's, ns"),
        "sum": Column("sum above \"as it is\", ns", True),
        **{name: Column(f"the decision, {name}, ns", digits=1) for name in decisions}})
    count, rate = effort(50000, 10000), 50000
    without = {"as it is": NOTHING, "nft": NFT}
    for c in effort.each([*without, FLOOR, REWRITE, EXAMPLE, ICMPNATD, *BASELINE, PYTHON]):
        if c in without:
            with stage.only_nft(without[c]):
                figure.add(c, processor=0, emitter=stage.flood(count, rate).processor)
            continue
        with stage.running(c, LONG) as process:
            stage.flood(100)
            stage.settle()
            with stage.arriving() as arrived:
                before = processor_ns(process)
                flood = stage.flood(count, rate)
                stage.settle()
                processor = (processor_ns(process) - before) / count
            check_arrivals(c, arrived, count)
            figure.add(c.name, processor=processor, emitter=flood.processor)
        if c is ICMPNATD:
            figure.add(c.name, **{name: decision_ns(stage, maps, effort(2000000, 500000))
                                  for name, maps in decisions.items()})
    base = figure.rows["as it is"]["emitter"]
    for cells in figure.rows.values():
        cells["sum"] = [p + e - b for p, e, b in zip(cells["processor"], cells["emitter"], base)]
    del figure.rows["as it is"]["sum"]
    cells = figure.rows[ICMPNATD.name]
    return figure, [
        Target("live: processor time, icmpnatd / example",
               figure.ratios("processor", ICMPNATD.name, "example"), at_most=0.72),
        *(Target(f"live: the decision, % of the sum: {name}",
                 [100 * ns / s for ns, s in zip(cells[name], cells["sum"])], at_most=2) for name in decisions)]


def whole_error(stage, rules, family, count, rate):
    """The processor time of emitter and daemon for an error of which the source alone must change."""
    with contextlib.ExitStack() as stack:
        if rules == "queued":
            process = stack.enter_context(stage.running(IPV4 if family is V4 else IPV6, LONG))
            stage.flood(100, family=family)
        else:
            process = None
            stage.capture(1 if rules else None, "auto")
        stage.settle()
        with stage.arriving() as arrived:
            before = processor_ns(process) if process else 0
            flood = stage.flood(count, rate, family=family)
            stage.settle()
            daemon = (processor_ns(process) - before) / count if process else 0
        assert (arrived.rewritten if rules else arrived.untouched) == count, (rules, arrived)
    return flood.processor + daemon


def in_place(stage, effort):
    """The kernel's part: what it costs an error, beside the queue, and a datagram that is forwarded."""
    figure = Figure("The source changed in place, per error or datagram", {"whole": Column("emitter and daemon, ns")})
    count, rate = effort(50000, 10000), 50000
    kinds = [(family, rules) for family in (V4, V6) for rules in ("", "in place", "queued")]
    for kind in effort.each(kinds + [(V4, None), (V4, "forwarded")]):
        family, rules = kind
        if rules in ("", "in place", "queued"):
            figure.add(f"IPv{family.version}, {rules or 'as it is'}",
                       whole=whole_error(stage, rules, family, count, rate))
        else:
            stage.capture(1 if rules else None, "auto")
            figure.add(f"forwarded, {'with the rules' if rules else 'as it is'}",
                       whole=stage.flood(count, rate, FORWARDED).processor)
    stage.capture(None)
    targets = [Target("forwarded: with the rules / as it is",
                      figure.ratios("whole", "forwarded, with the rules", "forwarded, as it is"), at_most=1.03)]
    for version in "IPv4", "IPv6":
        rows = [figure.rows[f"{version}, {rules}"]["whole"] for rules in ("as it is", "in place", "queued")]
        base, place, queue = (statistics.median(row) for row in rows)
        targets += [
            Target(f"in place: {version}, whole error / as it is",
                   figure.ratios("whole", f"{version}, in place", f"{version}, as it is"), at_most=1.2),
            Target(f"in place: {version}, added by the queue / in place", [(queue - base) / (place - base)], at_least=8)]
    return figure, targets


@contextlib.contextmanager
def quoting(stage, rules, family):
    """What is done with errors about the statelessly NATed host; gives the daemon's process, if there is one."""
    if rules in ("queued", "Python"):
        with stage.running(STATELESS_DAEMONS[family] if rules == "queued" else STATELESS_PYTHON, LONG) as process:
            yield process
    elif rules == "in place":
        with stage.held():
            yield None
    else:
        stage.capture(None)
        yield None


def quotes(stage, effort):
    """What an error costs that quotes a private address, and how many of a flood of them are lost."""
    figure = Figure("An error about a statelessly NATed host, per error; and a flood of them", {
        "whole": Column("emitter and daemon, ns"), "lost": Column("of a flood, lost or left private, %", True, digits=2),
        "rate": Column("provoked a second", True)})
    count, rate, most = effort(50000, 10000), 50000, effort(200000, 30000)
    kinds = [(family, rules) for family in (V4, V6) for rules in ("", "in place", "queued")]
    for family, rules in effort.each([*kinds, (V4, "Python")]):
        with quoting(stage, rules, family) as process:
            stage.flood(100, kind=STATELESS, family=family)
            stage.settle()
            with stage.arriving() as arrived:
                before = processor_ns(process) if process else 0
                flood = stage.flood(count, rate, STATELESS, family)
                stage.settle()
                daemon = (processor_ns(process) - before) / count if process else 0
            assert (arrived.rewritten if rules else arrived.untouched) == count, (
                rules, arrived, stage.firewall.run("nft list ruleset; ip -s neigh; ip -s link; nstat -az | grep -i icmp").stdout)
            with stage.arriving() as arrived:
                most_at_once = stage.flood(most, kind=STATELESS, family=family)
                stage.settle()
            right = arrived.rewritten if rules else arrived.untouched
            figure.add(f"IPv{family.version}, {rules or 'as it is'}", whole=flood.processor + daemon,
                       lost=100 * (most - right) / most, rate=most_at_once.rate)
    targets = []
    for version in "IPv4", "IPv6":
        targets += [
            Target(f"quotes: {version}, whole error in place / as it is",
                   figure.ratios("whole", f"{version}, in place", f"{version}, as it is"), at_most=1.35),
            Target(f"quotes: {version}, flood in place, lost or left private, %",
                   figure.rows[f"{version}, in place"]["lost"], at_most=0, each=True)]
    return figure, targets


class Stopwatch:
    """Times from datagram to error, by the kernel's timestamps on the border router's link."""

    def __init__(self, stage):
        with stage.router.here():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._socket.bind(("fwl", 3))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def microseconds(self):
        """Of each number, which both the datagram and the quote in its error end with."""
        sent, got = {}, {}
        while select.select([self._socket], [], [], 0)[0]:
            frame, control, _, address = self._socket.recvmsg(2048, 64)
            seconds, nanoseconds = struct.unpack("qq", control[0][2])
            times = sent if address[2] == PACKET_OUTGOING else got
            times[frame[-32:-28]] = seconds * 1000000 + nanoseconds / 1000
        return [got[number] - sent[number] for number in sent if number in got]


def latency(stage, effort):
    figure = Figure("From datagram to error, at 1,000 a second, microseconds", {
        "p50": Column("p50", digits=1), "p99": Column("p99", True), "p999": Column("p99.9", True)})
    count = effort(2000, 500)
    without = {"as it is": NOTHING, "nft": NFT}

    def measure(row):
        with Stopwatch(stage) as watch:
            stage.flood(count, 1000)
            time.sleep(0.05)
            times = sorted(watch.microseconds())
        assert len(times) == count, f"{row}: {count - len(times)} errors are missing"
        p50, p99, p999 = (times[int(count * part)] for part in (0.5, 0.99, 0.999))
        figure.add(row, p50=p50, p99=p99, p999=p999)

    for c in effort.each([*without, REWRITE, EXAMPLE, ICMPNATD, PYTHON]):
        with stage.only_nft(without[c]) if c in without else stage.running(c):
            measure(c if c in without else c.name)
    return figure, []


def lossless(stage, kind, count, rate):
    """The rate that was reached, and whether all errors arrived."""
    with stage.arriving() as arrived:
        flood = stage.flood(count, int(rate), kind)
        stage.settle()
    return flood.rate, arrived.rewritten == count


def highest_rate(stage, kind, seconds, steps):
    """Returns the highest rate without loss that was found, halving the interval on a scale of
    ratios, and the highest that the flood can reach."""
    most = lossless(stage, kind, 10000, 0)[0]
    most, good = lossless(stage, kind, int(most * seconds), 0)
    low, high, best = most / 32, most, most if good else 0
    for _ in range(0 if good else steps):
        rate = (low * high) ** 0.5
        reached, good = lossless(stage, kind, int(rate * seconds), rate)
        low, high, best = (rate, high, reached) if good else (low, rate, best)
    return best, most


def rate(stage, effort):
    columns = {}
    for kind in (EXPIRED, REJECTED):
        columns |= {kind: Column(kind, True), kind + " most": Column("the flood's", True)}
    figure = Figure("Highest rate without loss, errors per second, and what the flood can provoke", columns)
    for c in [c for _ in range(effort(3, 1)) for c in (None, REWRITE, EXAMPLE, ICMPNATD, PYTHON)]:
        for kind in (EXPIRED, REJECTED):
            with stage.running(c) if c else stage.only_nft():
                best, most = highest_rate(stage, kind, effort(1.0, 0.5), effort(6, 4))
            figure.add(c.name if c else "nft", **{kind: best, kind + " most": most})
    return figure, []


def hog(stage, effort):
    """The hog and the daemon share the last processor, the first one is the flood's."""
    wanted, seconds = 100000, effort(3, 1)
    figure = Figure(f"{wanted:,} TTL exceeded a second for {seconds} s, icmpnatd beside a processor hog", {
        "lost": Column("lost", True), "untouched": Column("passed as they were", True),
        "rate": Column("provoked a second", True)})
    with stage.running(ICMPNATD):
        loop = subprocess.Popen(["sh", "-c", "while :; do :; done"],
                                preexec_fn=lambda: os.sched_setaffinity(0, {CPUS[-1]}))
        try:
            for _ in range(6):
                with stage.arriving() as arrived:
                    flood = stage.flood(wanted * seconds, wanted)
                    stage.settle()
                lost = flood.count - arrived.rewritten - arrived.untouched
                figure.add(ICMPNATD.name, lost=lost, untouched=arrived.untouched, rate=flood.rate)
        finally:
            loop.kill()
            loop.wait()
    runs = figure.rows[ICMPNATD.name]
    return figure, [
        Target("hog: errors lost or passed as they were",
               [a + b for a, b in zip(runs["lost"], runs["untouched"])], at_most=0, each=True),
        Target("hog: errors provoked a second", runs["rate"], at_least=0.95 * wanted, each=True)]


def workers(stage, effort):
    """Half of the errors come from each of two processors, hence in two queues if there are two."""
    figure = Figure("Drain of two processors' errors, per error", {
        "wall": Column("elapsed, ns"), "processor": Column("processor time, ns")})
    if len(CPUS) < 2:
        return figure, []
    count = effort(30000, 8192)
    for n in effort.each([1, 2]):
        with stage.running(ICMPNATD, LONG, n) as process, stage.arriving() as arrived:
            processor, wall = drain_once(stage, process, [(count, {"cpu": cpu}) for cpu in CPUS[:2]])
        check_arrivals(ICMPNATD, arrived, 2 * count)
        figure.add(f"{n} worker{'s' * (n > 1)}", wall=wall / count / 2, processor=processor / count / 2)
    return figure, [Target("workers: speed, 2 workers / 1 worker",
                           figure.ratios("wall", "1 worker", "2 workers"), at_least=1.6)]


def guard_of(process):
    """The watchdog's process, by its id as the others."""
    with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:
        return SimpleNamespace(pid=int(file.read().split()[0]))


def idle(stage, effort):
    """Without a service manager's watchdog, and after some work, which makes its buffers resident."""
    figure = Figure("Idle", {"wakeups": Column("wake-ups a second", digits=1), "resident": Column(
        "resident, MiB", digits=2), "processor": Column("processor time, ns a second")})
    seconds = effort(5, 2)
    with stage.running(ICMPNATD) as process:
        stage.flood(1000)
        stage.settle()
        time.sleep(0.5)
        processes = {ICMPNATD.name: process, "its guard (the watchdog)": guard_of(process)}
        before = {name: (sum(status(p, "voluntary_ctxt_switches")), processor_ns(p)) for name, p in processes.items()}
        time.sleep(seconds)
        for name, p in processes.items():
            switches, processor = before[name]
            figure.add(name, wakeups=(sum(status(p, "voluntary_ctxt_switches")) - switches) / seconds,
                       resident=resident_mib(p), processor=(processor_ns(p) - processor) / seconds)
    cells = figure.rows[ICMPNATD.name]
    return figure, [Target("idle: wake-ups a second", cells["wakeups"], at_most=0),
                    Target("idle: resident memory, MiB", cells["resident"], at_most=4)]


def program(name, title, *arguments, digits=0):
    """What a program beside this file prints as JSON: rows of columns, each with a number or one of each
    round. It makes a sandbox of its own."""
    environment = {key: value for key, value in os.environ.items() if key != sandbox.MARK}
    done = subprocess.run([os.path.join(HERE, name), "--json", *arguments], check=True, env=environment,
                          stdout=subprocess.PIPE)
    rows = json.loads(done.stdout)
    figure = Figure(title, {key: Column(key, digits=digits) for cells in rows.values() for key in cells})
    for row, cells in rows.items():
        figure.rows[row] = {key: v if isinstance(v, list) else [v] for key, v in cells.items()}
    return figure


def lookup(_, effort):
    return program("lookup", "Asking conntrack, per error", f"--rounds={effort.rounds}", digits=2), []


def instructions(_, effort):
    figure = program("instructions", "User-space instructions per error (callgrind)",
                     *effort([], ["1 map", "100,000 maps"]))
    return figure, [
        Target(f"instructions: {row} / one map", figure.ratios("total", row, "1 map"), at_most=1.10)
        for row in figure.rows if row.endswith("000 maps")]


def maps(_, effort):
    most = effort(1000000, 100000)
    figure = program("maps", "A configuration of so many maps", *map(str, effort([1, 1000, 100000, most], [most])),
                     digits=2)
    return figure, [
        Target(f"maps: {row}: {what}", figure.rows[row][what], at_most=goal)
        for row in (f"{most:,} IPv4", f"{most:,} IPv6, scattered")
        for what, goal in (("elapsed, s", 1.5), ("resident, MiB", 110))]


FIGURES = {f.__name__: f for f in (drain, live, in_place, quotes, latency, rate, hog, workers, idle, lookup,
                                   instructions, maps)}
