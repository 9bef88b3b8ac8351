# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""icmpnatd in the firewall: its configuration, capture rules, life and counters.
The programs are those that ICMPNATD and ICMPNATCTL name in the environment."""

import contextlib
import json
import os
import re
import signal
import socket
import tempfile
from collections import Counter
from pathlib import Path

from .client import ping, wait_until
from .network import V4, V6

MAPS = [(f.firewall, f.public) for f in (V4, V6)] + [
    (f.stateless_inside, f.stateless) for f in (V4, V6)]
COMPLAINTS = "Sanitizer", "runtime error"


def program(name):
    return os.environ[name.upper()]


def _states(pid):
    """Those of a process' threads, as in proc(5)."""
    return {path.read_text().rpartition(")")[2].split()[0] for path in Path(f"/proc/{pid}/task").glob("*/stat")}


def pause(pid):
    """Returns when none of the threads of the process runs any more; until then it might still take a packet."""
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: _states(pid) == {"T"}, f"process {pid} to stop")


def replace(program, content):
    """Puts another program in the place of one: processes that run it go on with the old one."""
    program.unlink(missing_ok=True)
    program.write_bytes(content)
    program.chmod(0o755)


def waiting(host):
    """The number of packets that wait for a verdict in the host's first queue."""
    return int(host.run("cat /proc/net/netfilter/nfnetlink_queue").stdout.split()[2])


@contextlib.contextmanager
def paused(*pids):
    """Processes that do nothing meanwhile."""
    try:
        for pid in pids:
            pause(pid)
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def configuration(maps=MAPS, queue="", control=None, rules="external", outside='"eth0"', kernel="never",
                  more=""):
    """The text of a file; queue is what stands in its group, more are other settings. The kernel does nothing, so
    that every error that needs something passes the queue. What follows the sides of a map are its other members."""
    lines = ",\n         ".join(f'{{ private = "{a}"; public = "{b}"; {" ".join(members)} }}' for a, b, *members in maps)
    return (f'outside = [ {outside} ];\nmaps = ( {lines} );\nrules = "{rules}";\nkernel = "{kernel}";\n{more}'
            f'queue = {{ {queue} }};\ncontrol = {{ socket = "{control}"; group = ""; }};\n')


def kernel_has_nft_queue(host):
    """False where iptables must do the queueing. The chain has no hook: with one it would be registered even
    for a check, and when it goes, the kernel drops all that is queued."""
    probe = "table ip probe { chain c { queue num 0; }; }"
    return host.run("nft", "-c", "-f", "-", input=probe, check=False).returncode == 0


NO_OWN_RULES = "this kernel has no nft queue, or its tables no owner (before 5.12): the rules cannot be the daemon's own"


def kernel_gives_owners(host):
    """Whether its tables can be a program's own."""
    return host.run("nft", "-c", "table ip probe { flags owner; }", check=False).returncode == 0


def kernel_lets_hold_rules(host):
    """Whether rules can be the daemon's own."""
    return kernel_gives_owners(host) and kernel_has_nft_queue(host)


def kernel_keeps_tables(host):
    """Whether tables of a killed daemon stay: from Linux 6.9 on, if nft has the word for it, from 1.1 on."""
    return host.run("nft", "-c", "table ip probe { flags owner, persist; }", check=False).returncode == 0


def own_tables(host, nft="nft"):
    """The tables that are icmpnatd's, as a program nft lists them."""
    return [line for line in host.run(f"{nft} list tables").stdout.splitlines() if "icmpnatd" in line]


class Rules:
    """The capture rules that a configuration file asks for, of a kind that --print-rules knows; the
    default is what copies with nft. Early ones copy before the kernel's NAT."""

    def __init__(self, host, path, early=False, kind=None):
        self._host, self._path, self._early = host, path, early
        self.kind = kind or ("nft" if kernel_has_nft_queue(host) else "mixed")

    def _print(self, kind):
        return self._host.run(program("icmpnatd"), "--config", self._path, "--print-rules=" + kind).stdout

    def load(self):
        """Returns what was said while loading."""
        rules = self._print(self.kind)
        if self._early:
            rules = rules.replace("srcnat + 10", "srcnat - 10")
        loader = ["nft", "-f", "-"] if self.kind in ("nft", "direct") else ["/bin/sh"]
        return self._host.run(*loader, input=rules).stderr

    def unload(self):
        self._host.run("/bin/sh", input=self._print("none"))

    def counted(self):
        """What nft's rules have done to how many errors, by the names of the counters, over all interfaces."""
        listing = json.loads(self._host.run("nft", "-j", "list", "counters").stdout)["nftables"]
        counted = Counter()
        for counter in (item["counter"] for item in listing if "counter" in item):
            if counter["table"] == "icmpnatd":
                counted[counter["name"].partition(".")[0]] += counter["packets"]
        return counted

    def queued(self):
        """The packets that the rules have handed over: nft's counters of that name, or those of iptables' rules.
        Rules of another kind, of which the kernel loses some, know None."""
        packets = self.counted()["queued"]
        if not self.kind.startswith("iptables"):
            return packets
        for save in "iptables-save", "ip6tables-save":
            rules = self._host.run(save, "-c", "-t", "mangle", check=False).stdout
            packets += sum(map(int, re.findall(r"^\[(\d+):\d+\] -A ICMPNATD .* -j NFQUEUE", rules, re.M)))
        return packets


class Daemon:
    """One icmpnatd. As a context it is started, stopped, and must end without complaint."""

    def __init__(self, network, maps=MAPS, queue="", rules=None, directory=None, kernel="never", more=""):
        self.network, self.host = network, network.firewall
        self.directory = directory or tempfile.mkdtemp(prefix="icmpnatd.", dir="/run")
        os.makedirs(self.directory, exist_ok=True)
        self.path, self.socket = self.directory + "/icmpnatd.conf", self.directory + "/control"
        self.log_path = self.directory + "/log"
        self.queue, self.kernel, self.more, self.process = queue, kernel, more, None
        self.configure(maps)
        self.rules = rules or Rules(self.host, self.path)

    def configure(self, maps):
        self.write(configuration(maps, self.queue, self.socket, kernel=self.kernel, more=self.more))

    def write(self, text):
        with open(self.path, "w") as file:
            file.write(text)

    def __enter__(self):
        self.rules.load()
        self.start()
        return self

    def __exit__(self, kind, *_):
        with contextlib.ExitStack() as stack:
            stack.callback(self.rules.unload)
            if self.process:
                stack.callback(self.stop, quiet=kind is not None)
                if kind is None:
                    assert self.ctl("stats", "--check").stdout.endswith("every packet is accounted for\n")

    def start(self, executable=""):
        """Returns when the daemon says that it is ready, by the protocol of service managers. The executable is
        icmpnatd, if it is not named."""
        address = self.directory + "/notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, open(self.log_path, "a") as log:
            notify.bind(address)
            notify.settimeout(0.05)
            self.process = self.host.start([executable or program("icmpnatd"), "--config", self.path], stderr=log,
                                           env={**os.environ, "NOTIFY_SOCKET": address})
            wait_until(lambda: self._has_said_ready(notify), "icmpnatd to be ready")
        os.unlink(address)

    def _has_said_ready(self, notify):
        assert self.process.poll() is None, "icmpnatd ended: " + self.log()
        with contextlib.suppress(TimeoutError):
            return b"READY=1" in notify.recv(4096)

    def log(self):
        with open(self.log_path) as file:
            return file.read()

    def stop(self, quiet=False):
        """Ends it politely. It must exit with 0 and no sanitizer's report."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(60)
        self.process = None
        if not quiet:
            assert status == 0, f"exit status {status}: {self.log()}"
            assert not any(word in self.log() for word in COMPLAINTS), self.log()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process = None

    def request(self, line):
        """Asks on the control socket; returns the data lines, split into fields, and the closing line."""
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(self.socket)
            control.sendall(line.encode() + b"\n")
            with control.makefile() as answer:
                lines = answer.read().splitlines()
        return [data.split("\t") for data in lines[:-1]], lines[-1]

    def ctl(self, *arguments, check=True):
        return self.host.run(program("icmpnatctl"), "--socket", self.socket, *arguments, check=check)

    def stats(self):
        """Every counter as {(group, name): value}, summed over workers and queues."""
        data, closing = self.request("stats")
        assert closing == "ok", closing
        totals = Counter()
        for group, name, _, value in data:
            totals[group, name] += int(value)
        return totals

    def account(self):
        return Account(self)


@contextlib.contextmanager
def early_daemon(network):
    """A daemon whose rules copy errors before the kernel's NAT: it has to ask for the flow of a translated packet."""
    daemon = Daemon(network)
    daemon.rules = Rules(network.firewall, daemon.path, early=True)
    with daemon:
        yield daemon


class Account:
    """What a daemon counts from the moment this is made."""

    def __init__(self, daemon):
        self._daemon, self._queued, self._before = daemon, daemon.rules.queued(), daemon.stats()

    def counted(self):
        """What has been counted, as in stats(), without what stayed the same."""
        now = self._daemon.stats()
        now.subtract(self._before)
        return Counter({key: value for key, value in now.items() if value})

    def expect(self, **outcomes):
        """Waits for so many packets, and asserts that they had these outcomes and no other, and
        that every packet had one outcome and one verdict. The outcome "nobody" is that the daemon sees nothing of it."""
        expected = {name.replace("_", "-"): n for name, n in outcomes.items() if n and name != "nobody"}
        wait_until(lambda: self.counted()["queue", "received"] >= sum(expected.values()),
                   f"{expected}, there is {self.counted()}")
        assert ping(self._daemon.network.client, V4.public)  # time enough for one too many to be counted
        counted = self.counted()
        assert {name: n for (group, name), n in counted.items() if group == "outcome"} == expected
        self.balance(counted)
        return counted

    def balance(self, counted, lost=False):
        """Asserts that what the rules handed over = received = the sum of the outcomes = the sum of the
        verdicts; with lost, some may be missing at each step, and must be counted there."""
        def total(group, *names):
            return sum(n for (g, name), n in counted.items() if g == group and (not names or name in names))
        received = total("queue", "received")
        verdicts = total("verdict", "accepted", "rewritten", "dropped")
        assert received == total("outcome") == verdicts, counted
        assert total("kernel", "id-sequence") == received + total("queue", "missed"), counted
        if not lost:
            assert self._queued is None or self._daemon.rules.queued() - self._queued == received, counted
            assert verdicts == total("verdict"), counted  # none refused, none unsent
            assert total("kernel", "queue-dropped", "user-dropped") == 0, counted
