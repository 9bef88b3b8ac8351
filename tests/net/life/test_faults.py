# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""What goes wrong around icmpnatd, one thing at a time, under traffic: every error leaves translated,
or as the kernel made it, or is counted as lost with its reason; and afterwards all is as before.

   client ==> datagrams ==> firewall ===== errors =====> border: counted by source

Also: test_guard.py (hang, crash), test_lookup.py (a silent conntrack), test_start.py (a queue that is
taken), rules/test_own_rules.py (rules and interfaces that are made anew), tests/control (clients that misbehave).
"""

import contextlib
import errno
import os
import pathlib
import resource
import socket
import struct
import subprocess
import time

import pytest

from lab.client import ANSWERED, UdpFlow, quickest, udp, wait_until
from lab.daemon import Daemon, paused, program, waiting
from lab.flood import Flood
from lab.network import V4
from lab.process import descriptors, guard_of, status
from arrived import Arrived, counting

HERE = pathlib.Path(__file__).parent


@pytest.fixture(scope="module", autouse=True)
def border(network):
    with counting(network):
        yield


@contextlib.contextmanager
def daemon_with(network, queue="", **options):
    """Afterwards it must do its work as before."""
    with Daemon(network, queue=queue, **options) as daemon:
        yield daemon
        wait_until(lambda: udp(network.client, V4.plain_rejected, timeout=0.2).offender == V4.public, "translation")


@contextlib.contextmanager
def strace(pid, *options):
    tracer = subprocess.Popen(["strace", "-qq", "-o", "/dev/null", *options, "-p", str(pid)])
    with contextlib.ExitStack() as stack:
        stack.callback(tracer.wait)
        stack.callback(tracer.terminate)
        wait_until(lambda: status(pid, "TracerPid"), "strace")
        yield


def worker_of(process):
    return max(int(task) for task in os.listdir(f"/proc/{process.pid}/task"))


@pytest.fixture
def traceable(monkeypatch):
    monkeypatch.setenv("ASAN_OPTIONS", "detect_leaks=0")  # LeakSanitizer ends a process that is traced


def settle(account, arrived, flood, lost):
    """Waits until all that was sent is accounted for; lost(counted) says how much of it is lost."""
    def missing():
        return flood.sent - arrived.total() - lost(account.counted())
    wait_until(lambda: missing() <= 0, "the rest of the errors")
    assert missing() == 0


def refused(counted):
    return counted["verdict", "refused-gone"]


# --- the queue


def flooded_while_paused(network, daemon, datagrams, lost):
    """Sends more than so many while the daemon does nothing, and some more when it goes on; returns accounts of the
    daemon and of the border, when all are accounted for, but for those that lost(counted) says."""
    account, arrived = daemon.account(), Arrived(network)
    with Flood(network) as flood:
        with paused(daemon.process.pid):
            wait_until(lambda: flood.sent > datagrams, "the flood")
        time.sleep(0.2)
    settle(account, arrived, flood, lost)
    return account, arrived


@pytest.mark.parametrize("overload", ["pass", "drop"])
def test_a_queue_that_is_full(network, overload):
    with daemon_with(network, f'length = 64; overload = "{overload}";') as daemon:
        account, arrived = flooded_while_paused(network, daemon, 1200,
                                                lambda counted: counted["kernel", "queue-dropped"])
        translated, untranslated = arrived.counts()
        assert translated > 0 and account.counted()["queue", "received"] == translated
        assert (untranslated > 0) == (overload == "pass")
        account.balance(account.counted(), lost=True)


@pytest.fixture
def short_of_buffer(network, faulty, monkeypatch):
    """Starts a daemon that does not get the receive buffer that it asks for."""
    @contextlib.contextmanager
    def start(fault, queue):
        monkeypatch.setenv("ICMPNATD", faulty[0])
        with daemon_with(network, queue) as daemon:
            daemon.stop()
            with monkeypatch.context() as environment:
                environment.setenv("LD_PRELOAD", faulty[1])
                environment.setenv("FAULTY", fault)
                daemon.start()
            yield daemon
    return start


@pytest.mark.parametrize("overload", ["pass", "drop"])
def test_a_receive_buffer_that_is_short(network, overload, short_of_buffer):
    """As in a user namespace: then fewer packets wait, so that it is still the queue that overflows, and
    a hang is seen."""
    with short_of_buffer("buffer", f'overload = "{overload}";') as daemon:
        assert "the kernel grants a receive buffer for" in daemon.log()
        account, _ = flooded_while_paused(network, daemon, 600, lambda counted: counted["kernel", "queue-dropped"])
        counted = account.counted()
        assert counted["queue", "missed"] == counted["kernel", "user-dropped"] == 0
        assert (counted["kernel", "queue-dropped"] > 0) == (overload == "drop")
        account.balance(counted, lost=True)


@pytest.mark.parametrize("overload", ["pass", "drop"])
def test_a_socket_that_overruns(network, overload, short_of_buffer):
    """It has room for fewer packets than its queue: what finds none is passed or dropped, too, and is
    counted from the gaps in the kernel's numbers."""
    with short_of_buffer("overrun", f'overload = "{overload}";') as daemon:
        account, arrived = flooded_while_paused(network, daemon, 1200, lambda counted: counted["kernel", "user-dropped"])
        counted = account.counted()
        assert counted["queue", "missed"] > 0
        if overload == "drop":
            assert counted["queue", "missed"] == counted["kernel", "user-dropped"]
        else:
            assert arrived.counts()[1] >= counted["queue", "missed"]
        account.balance(counted, lost=True)


def configuration_message(command=0, length=None):
    """What libnetfilter_queue would send about queue 0."""
    if length is None:
        attribute = struct.pack("=HHBxH", 8, 1, command, 0)  # NFQA_CFG_CMD
    else:
        attribute = struct.pack("=HH", 8, 3) + struct.pack("!I", length)  # NFQA_CFG_QUEUE_MAXLEN
    body = struct.pack("=BBH", 0, 0, 0) + attribute
    return struct.pack("=IHHII", 16 + len(body), 3 << 8 | 2, 1 | 4, 1, 0) + body  # NFQNL_MSG_CONFIG, ACK


@pytest.mark.parametrize("message", [configuration_message(1), configuration_message(2), configuration_message(length=0)],
                         ids=["bind", "unbind", "shorten"])
def test_nobody_steals_the_queue(network, message):
    with daemon_with(network), network.firewall.here(), \
            socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as thief:  # NETLINK_NETFILTER
        thief.bind((0, 0))
        thief.send(message)
        answer = thief.recv(4096)
        assert -struct.unpack_from("=i", answer, 16)[0] in (errno.EPERM, errno.EBUSY)


@contextlib.contextmanager
def no_verdict_is_sent(process, error):
    """The next six times; injected."""
    with strace(worker_of(process), "-e", "trace=sendto", "-e", f"inject=sendto:error={error}:when=1..6"):
        yield


def unsent(counted):
    return counted["verdict", "unsent"]


@pytest.mark.parametrize("error", ["ENOBUFS", "EPERM"])
def test_verdicts_that_cannot_be_sent(network, traceable, error):
    """They are counted, and so are their packets, which stay in the queue as long as the guard does not look."""
    with daemon_with(network) as daemon, paused(guard_of(daemon.process)):
        account, arrived = daemon.account(), Arrived(network)
        with no_verdict_is_sent(daemon.process, error):
            with Flood(network, 200) as flood:
                time.sleep(1)
            settle(account, arrived, flood, unsent)
        counted = account.counted()
        assert 0 < unsent(counted) == counted["kernel", "waiting"]
        account.balance(counted, lost=True)


def test_the_guard_lets_go_what_could_not_be_sent(network, traceable):
    """As the kernel made it. That is no loss, and the accounts say so (daemon_with() checks them)."""
    with daemon_with(network) as daemon:
        account, arrived = daemon.account(), Arrived(network)
        with no_verdict_is_sent(daemon.process, "ENOBUFS"), Flood(network, 200) as flood:
            time.sleep(1)
        wait_until(lambda: arrived.total() == flood.sent, "the guard")
        assert arrived.counts()[1] == unsent(account.counted()) > 0
        assert "WRONG" not in daemon.ctl("stats", "--check").stdout


def test_verdicts_that_come_too_late(network):
    """When a base chain goes, anybody's, the kernel drops all that is queued."""
    with daemon_with(network) as daemon:
        account, arrived = daemon.account(), Arrived(network)
        with Flood(network, 500) as flood:
            with paused(daemon.process.pid):
                wait_until(lambda: waiting(network.firewall) > 0, "errors to wait")
                network.firewall.nft("table ip short { chain c { type filter hook input priority 0; }; }\n"
                                     "delete table ip short\n")
        settle(account, arrived, flood, refused)
        assert refused(account.counted()) > 0
        assert "the kernel refused a verdict: No such file or directory" in daemon.log()


# --- the firewall


def test_rules_that_are_removed_and_loaded(network):
    with daemon_with(network) as daemon:
        account, arrived = daemon.account(), Arrived(network)
        with Flood(network, 1000) as flood:
            for _ in range(5):
                daemon.rules.unload()
                time.sleep(0.05)
                daemon.rules.load()
                time.sleep(0.05)
        settle(account, arrived, flood, refused)
        assert min(arrived.counts()) > 0


def test_rules_that_are_loaded_again(network):
    with daemon_with(network) as daemon:
        arrived = Arrived(network)
        with Flood(network, 1000) as flood:
            for _ in range(10):
                daemon.rules.load()
        wait_until(lambda: arrived.total() >= flood.sent, "all errors")
        assert arrived.total() == flood.sent


def test_an_interface_that_goes_down_and_up(network):
    """What is queued for it is dropped by the kernel, and counted when its verdict comes."""
    with daemon_with(network) as daemon:
        routes = network.firewall.run("ip route show default; ip -6 route show default").stdout.splitlines()
        account = daemon.account()
        with paused(daemon.process.pid):
            for _ in range(20):
                udp(network.client, V4.plain_rejected, timeout=0)
            wait_until(lambda: waiting(network.firewall) == 20, "the queue")
            network.firewall.run("sysctl -qw net.ipv6.conf.eth0.keep_addr_on_down=1; ip link set eth0 down; "
                                 "ip link set eth0 up")
            for route in routes:
                network.firewall.run(f"ip {'-6' if ':' in route else '-4'} route replace {route}")
        wait_until(lambda: refused(account.counted()) == 20, "the verdicts")
        wait_until(lambda: udp(network.client, V4.plain_rejected, timeout=0.2).offender == V4.public, "the link")


def test_conntrack_is_flushed(network):
    with daemon_with(network, queue="") as daemon:
        account, arrived = daemon.account(), Arrived(network)
        with Flood(network, 1000) as flood:
            for _ in range(10):
                network.forget()
                time.sleep(0.02)
        settle(account, arrived, flood, lambda counted: 0)
        account.expect(outer=flood.sent)


@contextlib.contextmanager
def conntrack_max(value):
    """The limit is one for all network namespaces, and only the first one may change it: tests/vm/guest does."""
    shown = pathlib.Path("/proc/sys/net/netfilter/nf_conntrack_max")
    before = shown.read_text()
    for limit in f"{value}\n", before:
        pathlib.Path(os.environ["CONNTRACK_MAX"]).write_text(limit)
        wait_until(lambda: shown.read_text() == limit, "the limit")
        if limit != before:
            yield


@pytest.mark.skipif("CONNTRACK_MAX" not in os.environ,
                    reason="nf_conntrack_max is one for the whole machine: only in an emulated one")
def test_conntrack_is_full(network):
    """The kernel drops packets that would begin a flow; an error about an established one is translated."""
    with daemon_with(network), UdpFlow(network.client, V4.plain) as flow:
        assert flow.send() == ANSWERED
        with conntrack_max(1), network.rejecting(V4.plain_inside):
            assert flow.send().offender == V4.public


# --- what a process needs


def test_descriptors_run_out(network):
    with daemon_with(network) as daemon:
        pid = daemon.process.pid
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        open_now = descriptors(daemon.process)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (open_now + 1, before[1]))  # room for a client
        assert daemon.ctl("reload", check=False).returncode == 1
        assert daemon.ctl("upgrade", check=False).returncode == 1
        assert udp(network.client, V4.plain_rejected).offender == V4.public
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        daemon.ctl("reload")
        daemon.ctl("upgrade")


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    if "libasan" in subprocess.run(["ldd", program("icmpnatd")], capture_output=True, text=True).stdout:
        plain = pathlib.Path(os.environ.get("ICMPNATD_PLAIN", ""))
        if not os.access(plain, os.X_OK):
            pytest.skip("sanitizers have their own malloc(), and ICMPNATD_PLAIN names no program without")
    else:
        plain = program("icmpnatd")
    library = tmp_path_factory.mktemp("faulty") / "faulty.so"
    subprocess.run(["cc", "-Wall", "-Wextra", "-shared", "-fPIC", "-o", library, HERE / "faulty.c"], check=True)
    return str(plain), str(library)


class Faulty:
    """Starts an icmpnatd in which something fails."""

    def __init__(self, network, daemon, faulty):
        self.daemon, (self.program, self.library), self.network = daemon, faulty, network

    def start(self, fault):
        os.truncate(self.daemon.log_path, 0) if os.path.exists(self.daemon.log_path) else None
        with open(self.daemon.log_path, "a") as log:
            return self.network.firewall.start([self.program, "-c", self.daemon.path], stderr=log,
                                               env={**os.environ, "LD_PRELOAD": self.library, "FAULTY": fault})

    def wait(self, process):
        """Returns its exit status, None if it has started."""
        end = time.monotonic() + 60
        while process.poll() is None and "started on queue" not in self.daemon.log():
            assert time.monotonic() < end, "it neither starts nor ends: " + self.daemon.log()
            time.sleep(0.002)
        return process.poll()

    def failed(self):
        return "the allocation failed" in self.daemon.log()


@pytest.fixture
def failing(network, faulty):
    daemon = Daemon(network)
    daemon.rules.load()
    yield Faulty(network, daemon, faulty)
    daemon.rules.unload()


def end(process):
    process.terminate()
    assert process.wait(60) == 0


def test_memory_is_refused_at_the_start(failing):
    """At each allocation in turn: it ends with a reason, or starts without what it wanted."""
    for n in range(1, 2000):
        process = failing.start(f"memory {n}")
        status = failing.wait(process)
        if status is None:
            end(process)
        else:
            assert status == 1, (n, status, failing.daemon.log())
            said = [line for line in failing.daemon.log().splitlines() if line != "the allocation failed"]
            assert len(said) == 1 and ("memory" in said[0] or "start a thread" in said[0]), (n, said)
        if not failing.failed():
            break
    assert n > 20 and status is None


def test_memory_is_refused_at_a_reload(failing):
    """At each allocation in turn: the old configuration stays in force, or the new one comes."""
    for n in range(1, 2000):
        process = failing.start(f"reload {n}")
        assert failing.wait(process) is None
        with contextlib.suppress(ConnectionError, IndexError):
            data, closing = failing.daemon.request("reload")
            assert closing in ("ok", "error\tthe configuration was not reloaded: the old one stays in force"), (n, closing)
        assert process.poll() is None, (n, failing.daemon.log())
        done = not failing.failed()
        with contextlib.suppress(ConnectionError, IndexError):
            failing.daemon.request("status")  # unless it was refused already, now it is
        assert failing.daemon.request("status")[1] == "ok", (n, failing.daemon.log())
        end(process)
        if done:
            break
    assert n > 20


def test_memory_runs_out(failing):
    """The kernel's own limit, a little higher each time: a reload says so, or is done."""
    process = failing.start("nothing")
    assert failing.wait(process) is None
    now = status(process.pid, "VmSize") * 1024
    before, answers = resource.prlimit(process.pid, resource.RLIMIT_AS), []
    for more in range(0, 1 << 20, 4096):
        resource.prlimit(process.pid, resource.RLIMIT_AS, (now + more, before[1]))
        with contextlib.suppress(ConnectionError, IndexError):  # there was no memory for an answer
            answers.append(failing.daemon.request("reload")[1])
        assert process.poll() is None, (more, failing.daemon.log())
    assert answers[-1] == "ok" and "error\tthe configuration was not reloaded: the old one stays in force" in answers
    end(process)


def test_the_clock_jumps(network, failing):
    """By a day whenever somebody looks: only the times that are shown know it."""
    process = failing.start("clock")
    assert failing.wait(process) is None
    for _ in range(3):
        assert failing.daemon.request("reload")[1] == "ok"
        assert udp(network.client, V4.plain_rejected).offender == V4.public
    status = {line[0]: line[1] for line in failing.daemon.request("status")[0]}
    assert int(status["loaded"]) - int(status["started"]) >= 3 * 86400
    assert int(status["uptime"]) < 60
    end(process)


def test_the_disk_is_full(network, tmp_path):
    """Neither file nor log can grow: a reload only reads."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", tmp_path], check=True)
    try:
        with daemon_with(network, directory=str(tmp_path)) as daemon:
            with pytest.raises(OSError), open(tmp_path / "filler", "wb", buffering=0) as filler:
                while filler.write(b"x" * 4096):
                    pass
            for _ in range(20):
                daemon.ctl("reload")
            assert udp(network.client, V4.plain_rejected).offender == V4.public
            os.unlink(tmp_path / "filler")
    finally:
        subprocess.run(["umount", tmp_path], check=True)


# --- a worker that hangs


def test_the_status_says_that_a_worker_hangs(network, traceable):
    """It holds the verdict about the first error until the guard has let that go."""
    def told(key):
        return [row[1:] for row in daemon.request("status")[0] if row[0] == key]

    with daemon_with(network) as daemon:
        assert told("working") == [["yes"]]
        with strace(worker_of(daemon.process), "-e", "trace=sendto", "-e", "inject=sendto:delay_enter=60000000:when=1"):
            udp(network.client, V4.plain_rejected, timeout=0)
            wait_until(lambda: told("working") == [["no"]], "the status to say so")
            assert told("reason")[0][0].startswith("a worker hangs: errors leave as the kernel makes them")
            assert daemon.ctl("status", check=False).returncode == 1
        wait_until(lambda: told("working") == [["yes"]], "the worker to go on")
        assert told("last-error")[0][1].startswith("packets waited and none was served")


# --- load


def test_a_thousand_reloads(network):
    reloads = int(os.environ.get("RELOADS", 1000))
    with daemon_with(network) as daemon:
        account, arrived = daemon.account(), Arrived(network)
        before = descriptors(daemon.process)
        with Flood(network, 1000) as flood:
            for _ in range(reloads):
                assert daemon.request("reload")[1] == "ok"
        settle(account, arrived, flood, lambda counted: 0)
        account.expect(outer=flood.sent)
        assert descriptors(daemon.process) == before


@pytest.mark.parametrize("overload", ["pass", "drop"])
def test_ten_times_too_much(network, overload, traceable):
    """The engine is slowed down: 64 verdicts in 160 ms. It gets ten times what it carries, and is at work again
    within a second."""
    assert quickest(lambda: seconds_to_recover(network, overload, int(os.environ.get("OVERLOAD_SECONDS", 30))), 1) < 1


def seconds_to_recover(network, overload, seconds):
    with daemon_with(network, f'length = 256; overload = "{overload}";') as daemon:
        account, arrived = daemon.account(), Arrived(network)
        with strace(worker_of(daemon.process), "-e", "trace=sendto", "-e", "inject=sendto:delay_enter=160000"):
            with Flood(network, 4000) as flood:
                time.sleep(seconds)
        ended = time.monotonic()
        wait_until(lambda: udp(network.client, V4.plain_rejected, timeout=0.2).offender == V4.public, "translation")
        taken = time.monotonic() - ended
        flood.sent += arrived.counts()[0] - account.counted()["queue", "received"]  # those of udp() that passed
        counted = account.counted()
        overflow = counted["kernel", "queue-dropped"] if overload == "drop" else arrived.counts()[1]
        carried = (seconds + 1) * 64 / 0.16 + 2 * 256  # in that time, and what may wait at its end
        assert overflow > flood.sent - carried > 0
        assert counted["queue", "received"] == arrived.counts()[0]
        account.balance(counted, lost=True)
    assert "packets waited" not in daemon.log()  # the guard saw verdicts leave all the while
    return taken
