# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""icmpnatctl shows what a daemon answers as text, JSON and metrics, and refuses every answer that is wrong.

A stand-in for the daemon answers each request with prepared bytes, right or wrong, so that every way in which a daemon
(or a program that took its place) can answer is tried. What the client prints is read back with Python's json and with
a strict reader of Prometheus' text format.

Needs the client's path in ICMPNATCTL.
"""
import contextlib
import json
import os
import pty
import re
import shutil
import socket
import subprocess
import threading
import time

import pytest

from lab.client import quickest
from lab.reachable import reachable_directory

CTL = os.environ.get("ICMPNATCTL", "")
pytestmark = pytest.mark.skipif(not CTL, reason="ICMPNATCTL does not name the client")

STATUS = (
    "version\t1.0\npid\t4711\nuptime\t93784\nstarted\t1700000000\nfile\t/etc/icmpnatd/icmpnatd.conf\n"
    "loaded\t1700000001\nmaps\t2\nlookup\tauto\nattached-flows\tyes\nqueues\t0\nworkers\t1\n"
    "outside\teth0\tup\noutside\teth1\tmissing\nok\n"
)
EXPLAIN = (
    "queue\treceived\tpackets that the kernel handed to this worker\n"
    "rules\tuntouched\terrors that needed nothing\tpassed\n"
    "rules\touter\terrors that the kernel changed\trewritten\n"
    "rules\tcopied\terrors that must be read\n"
    "outcome\touter\tthe outer source was made public\trewritten\n"
    "outcome\talready-right\tno address in it needed changing\tpassed\n"
    "outcome\tleaked-outer\tleaves with a private source\tleaked\n"
    "outcome\ttruncated\ttoo short\tmalformed\n"
    "kernel\twaiting\tpackets in the queue \\ now\n"
    "kernel\tqueue-dropped\tpackets that found the queue full\n"
    "host\ticmp-out-errors\tmessages that could not be sent\n"
    "ok\n"
)
VALUES = {
    ("queue", "received"): (30, 12),
    ("outcome", "outer"): (20, 10),
    ("outcome", "already-right"): (9, 0),
    ("outcome", "leaked-outer"): (1, 2),
    ("outcome", "truncated"): (0, 0),
}
KERNEL = {"waiting": 3, "queue-dropped": 2**64 - 1}
MAPS = (
    "192.168.42.1\t1.2.3.1\tboth\teth0\t17\t/etc/icmpnatd/icmpnatd.conf:2\n"
    "fd00:1::/64\t2001:db8:1::/64\tinner\t*\t0\t/etc/icmpnatd/icmpnatd.conf:3\n"
)


RULES = {"untouched": {"eth0": 5, "wan.7": 1}, "outer": {"eth0": 12, "wan.7": 0}, "copied": {"eth0": 40, "wan.7": 2}}
COPIED = {"private-peer": 3, "untouched": 5, "outer": 12, "leaked-outer": 1, "copied": 52, "queued": 52}  # goes with BALANCED


def stats(values=VALUES, *kernel, rules=None, host=None):
    """The answer to stats, the rules first, then a worker after the other, as a daemon might send it; then queue after
    queue."""
    lines = [f"rules\t{name}\t{interface}\t{value}" for name, counters in (rules or {}).items()
             for interface, value in (counters.items() if isinstance(counters, dict) else [("eth0", counters)])]
    lines += [f"{g}\t{n}\t{w}\t{v[w]}" for w in (0, 1) for (g, n), v in values.items()]
    lines += [f"kernel\t{name}\t{queue}\t{value}" for queue, counters in enumerate(kernel or [KERNEL])
              for name, value in counters.items()]
    lines += [f"host\t{name}\t-\t{value}" for name, value in (host or {}).items()]
    return "\n".join(lines + ["ok\n"])


class StandIn:
    """Answers requests from a table: text, bytes, a list of answers (the last
    one for ever), or a function that is given the connection."""

    def __init__(self, path):
        self.path = str(path)
        self.requests = []
        self.answers = {"status": STATUS, "explain": EXPLAIN, "stats": stats(), "maps": MAPS + "ok\n", "reload": "ok\n"}
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(8)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                try:
                    self.answer(connection)
                except OSError:
                    pass

    def answer(self, connection):
        request = connection.makefile("rb").readline().decode()
        assert request.endswith("\n")
        self.requests.append(request.rstrip("\n"))
        answer = self.answers[self.requests[-1]]
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if callable(answer):
            answer(connection)
        else:
            connection.sendall(answer.encode() if isinstance(answer, str) else answer)

    def close(self):
        if self.listener.fileno() >= 0:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()


@pytest.fixture
def daemon(tmp_path):
    stand_in = StandIn(tmp_path / "control")
    yield stand_in
    stand_in.close()


def ctl(*arguments, program=CTL, **more):
    environment = {**os.environ, "TZ": "UTC", **more.pop("env", {})}
    return subprocess.run([program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
                          timeout=60, check=False, **more)


def ask(daemon, *arguments, **more):
    """Runs a command that must succeed and say nothing on standard error."""
    done = ctl("-s", daemon.path, *arguments, **more)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode()


def refuse(daemon, *arguments):
    """Runs a command that must fail with one line; returns that line."""
    done = ctl("-s", daemon.path, *arguments)
    assert done.returncode == 1
    assert done.stderr.count(b"\n") == 1
    return done.stderr.decode()


def on_terminal(daemon, *arguments, **environment):
    """Runs a command whose standard output is a terminal."""
    ours, theirs = pty.openpty()
    environment = {**{k: v for k, v in os.environ.items() if k != "NO_COLOR"}, **environment}
    with subprocess.Popen([CTL, "-s", daemon.path, *arguments], stdout=theirs, env=environment) as process:
        os.close(theirs)
        seen = b""
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:
                break
            if not piece:
                break
            seen += piece
    os.close(ours)
    assert process.returncode == 0
    return seen.decode()


# --- status


WORKS = (
    "working\tyes\nversion\t1.0\npid\t4711\nuptime\t93784\nstarted\t1700000000\nupgrades\t0\n"
    "file\t/etc/icmpnatd/icmpnatd.conf\nloaded\t1700000001\nmaps\t2\nlookup\tauto\nattached-flows\tyes\n"
    "workers\t2\nqueues\t0-1\nmode\tlive\nrules\town\nkernel\tnever\t(there are IPsec policies)\n"
    "outside\teth0\tup\tIPv4 IPv6\noutside\teth1\tmissing\tIPv4 IPv6\n"
    "errors\tnobody\t1402\tneeded nothing\nerrors\tkernel\t12\ttranslated by the kernel\n"
    "last-error\tnone\nlast-warning\t1700000002\toutside interface eth1 is missing: nothing is translated on it until "
    "it comes\nok\n"
)


def test_status_for_people(daemon):
    """A screen, even of a daemon that has much to say."""
    daemon.answers["status"] = WORKS
    assert ask(daemon, "status").splitlines() == [
        "working:        yes",
        "version:        1.0, pid 4711",
        "uptime:         1 d 2 h, started 2023-11-14 22:13:20 +0000, upgrades 0",
        "file:           /etc/icmpnatd/icmpnatd.conf, loaded 2023-11-14 22:13:21 +0000",
        "maps:           2, lookup auto, attached-flows yes",
        "workers:        2, queues 0-1",
        "mode:           live, rules own, kernel never (there are IPsec policies)",
        "outside:        eth0 up, IPv4 IPv6",
        "                eth1 missing, IPv4 IPv6",
        "errors:         1402 needed nothing",
        "                12 translated by the kernel",
        "last-error:     none",
        "last-warning:   2023-11-14 22:13:22 +0000",
        "                outside interface eth1 is missing: nothing is translated on it",
        "                until it comes"]


def test_status_of_an_older_daemon(daemon):
    lines = ask(daemon, "status").splitlines()
    assert "uptime:         1 d 2 h, started 2023-11-14 22:13:20 +0000" in lines
    assert lines[-2:] == ["outside:        eth0 up", "                eth1 missing"]


@pytest.mark.parametrize("works, status", [("yes", 0), ("no", 1), ("unknown", 3)])
def test_status_says_whether_it_works_in_its_exit_status_too(daemon, works, status):
    """Both forms are whole nevertheless."""
    reason = "because of something that takes more than a line to tell, and a " + "w" * 100
    daemon.answers["status"] = f"working\t{works}\nreason\t{reason}\nversion\t1.0\nok\n"
    for form in [], ["--json"]:
        done = ctl("-s", daemon.path, "status", *form)
        assert (done.returncode, done.stderr) == (status, b"")
    assert json.loads(done.stdout) == {"working": works, "reason": reason, "version": "1.0"}
    assert ctl("-s", daemon.path, "status").stdout.decode().splitlines()[1:4] == [
        "reason:         because of something that takes more than a line to tell, and a", " " * 16 + "w" * 100,
        "version:        1.0"]


@pytest.mark.parametrize("seconds, text", [
    (0, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (7260, "2 h 1 min"), (2**64 - 1, "213503982334601 d 7 h")])
def test_status_uptime(daemon, seconds, text):
    daemon.answers["status"] = f"uptime\t{seconds}\nok\n"
    assert ask(daemon, "status") == f"uptime:         {text}\n"


def test_status_json(daemon):
    assert json.loads(ask(daemon, "status", "--json")) == {
        "version": "1.0", "pid": 4711, "uptime": 93784, "started": 1700000000,
        "file": "/etc/icmpnatd/icmpnatd.conf", "loaded": 1700000001, "maps": 2, "lookup": "auto",
        "attached-flows": True, "queues": "0", "workers": 1,
        "outside": [{"interface": "eth0", "state": "up", "families": ""},
                    {"interface": "eth1", "state": "missing", "families": ""}],
    }
    daemon.answers["status"] = WORKS
    status = json.loads(ask(daemon, "status", "--json"))
    assert (status["working"], status["kernel"], status["last-error"]) == ("yes", "never", None)
    assert (status["maps"], status["upgrades"]) == (2, 0)
    assert status["outside"][1] == {"interface": "eth1", "state": "missing", "families": "IPv4 IPv6"}
    assert status["errors"] == {"nobody": 1402, "kernel": 12}
    assert status["last-warning"]["time"] == 1700000002 and status["last-warning"]["text"].endswith("until it comes")


def test_status_json_when_keys_follow_the_interfaces(daemon):
    daemon.answers["status"] = "outside\teth0\tup\nnews\tfrom a newer daemon\textra\nok\n"
    assert json.loads(ask(daemon, "status", "-j")) == {
        "outside": [{"interface": "eth0", "state": "up", "families": ""}], "news": "from a newer daemon"}


def test_status_times_that_are_none(daemon):
    daemon.answers["status"] = "started\tyesterday\nloaded\t18446744073709551615\nuptime\t-1\nok\n"
    assert ask(daemon, "status") == (
        "started:        yesterday, loaded 18446744073709551615\nuptime:         -1\n")
    assert json.loads(ask(daemon, "status", "-j")) == {"started": "yesterday", "loaded": 2**64 - 1, "uptime": "-1"}


# --- stats


def test_stats_for_people(daemon):
    assert ask(daemon, "stats") == """\
queue
  received                             42

outcome: by the daemon
  outer                                30  rewritten
  already-right                         9  passed
  leaked-outer                          3  leaked

kernel
  waiting                               3
  queue-dropped              18446744073709551615

total by the daemon: 42 packets: 30 rewritten, 9 passed, 3 leaked, 0 malformed
"""


def test_stats_with_the_kernel_s_part_beside_the_daemon_s(daemon):
    daemon.answers["stats"] = stats(rules=RULES, host={"icmp-out-errors": 3})
    said = ask(daemon, "stats")
    assert """
rules: by the kernel
  untouched                             6  passed
  outer                                12  rewritten
  copied                               42

outcome: by the daemon
  outer                                30  rewritten
""" in said
    assert said.endswith("""
host
  icmp-out-errors                       3

total by the kernel: 18 errors: 6 passed, 12 rewritten
total by the daemon: 42 packets: 30 rewritten, 9 passed, 3 leaked, 0 malformed
""")
    columns = [line.split() for line in ask(daemon, "stats", "--all").splitlines()]
    assert ["rules:", "by", "the", "kernel", "total", "eth0", "wan.7"] in columns
    assert ["copied", "42", "40", "2"] in columns


def of_audit(audit):
    return {"explain": EXPLAIN.replace("queue\t", "mode\taudit\t1 in audit\nqueue\t", 1),
            "stats": f"mode\taudit\t-\t{audit}\n" + stats()}


AUDIT = "audit: nothing is changed on the wire; the counters say what would have been\n"


def test_stats_of_an_audit(daemon):
    live = ask(daemon, "stats")
    daemon.answers.update(of_audit(0))
    assert ask(daemon, "stats") == live
    assert ask(daemon, "stats", "--all").startswith("mode\n")
    daemon.answers.update(of_audit(1))
    assert ask(daemon, "stats") == AUDIT + f"  {'audit':26} {1:12}\n\n" + live
    types, samples = read_prometheus(ask(daemon, "stats", "--prometheus"))
    assert types["icmpnatd_mode_audit"] == "gauge" and samples["icmpnatd_mode_audit", ()] == 1


def test_watch_of_an_audit(daemon):
    daemon.answers.update(of_audit(1))
    assert ask(daemon, "watch", "-n1", "-i0.1") == AUDIT
    assert on_terminal(daemon, "watch", "-n", "2", "-i", "0.1").count(AUDIT.strip()) == 2


def test_interfaces_with_strange_names_stay_in_their_column(daemon):
    daemon.answers["stats"] = "rules\tcopied\té\t1\nrules\tcopied\t\x1b[2J\t2\nok\n"
    lines = [line for line in ask(daemon, "stats", "--all").splitlines() if line.startswith(("rules", "  copied"))]
    assert lines[0].endswith(" " * 12 + "é" + " " * 9 + "?[2J")
    assert len(lines[0]) == len(lines[1])


def test_stats_all_has_zeros_and_workers(daemon):
    lines = ask(daemon, "stats", "--all").splitlines()
    assert lines[0].split() == ["queue", "total", "worker", "0", "worker", "1"]
    assert lines[1].split() == ["received", "42", "30", "12"]
    assert ["truncated", "0", "0", "0", "malformed"] in [line.split() for line in lines]


def test_stats_explain(daemon):
    lines = ask(daemon, "stats", "--explain").splitlines()
    assert lines[1].endswith("  packets that the kernel handed to this worker")
    assert [line for line in lines if line.endswith("  rewritten  the outer source was made public")]


def test_stats_of_an_idle_daemon(daemon):
    daemon.answers["stats"] = stats({key: (0, 0) for key in VALUES}, {})
    assert ask(daemon, "stats") == "total by the daemon: 0 packets: 0 rewritten, 0 passed, 0 leaked, 0 malformed\n"


BALANCED = {
    ("queue", "received"): (30, 12), ("queue", "missed"): (3, 0), ("outcome", "outer"): (30, 12),
    ("verdict", "accepted"): (20, 0), ("verdict", "rewritten"): (9, 12), ("verdict", "dropped"): (1, 0),
    ("verdict", "refused-gone"): (2, 0), ("verdict", "unsent"): (1, 0),
}
BALANCED_KERNEL = ({"waiting": 1, "queue-dropped": 7, "user-dropped": 3, "id-sequence": 33},
                   {"waiting": 0, "queue-dropped": 0, "user-dropped": 0, "id-sequence": 12})


def balanced(rules=None, host=None, **kernel):
    """Balanced accounts, but for these counters of the first queue."""
    return stats(BALANCED, {**BALANCED_KERNEL[0], **kernel}, BALANCED_KERNEL[1], rules=rules, host=host)


def test_check_of_right_accounts(daemon):
    daemon.answers["stats"] = balanced()
    assert ask(daemon, "stats", "--check").endswith("every packet is accounted for\n")


def test_check_after_the_guard_has_let_go_what_was_not_sent(daemon):
    daemon.answers["stats"] = balanced(waiting=0)
    assert ask(daemon, "stats", "--check").endswith("every packet is accounted for\n")


@pytest.mark.parametrize("counter", [
    ("verdict", "accept"), ("verdict", "refused"), ("queue", "receive"), ("kernel", "wait"), ("kernel", "queue")])
def test_check_does_not_add_a_counter_whose_name_is_part_of_another(daemon, counter):
    """Of a newer daemon, say, whose counters this client does not know."""
    group, name = counter
    if group == "kernel":
        daemon.answers["stats"] = balanced(**{name: 7})
    else:
        daemon.answers["stats"] = stats({**BALANCED, counter: (7, 0)}, *BALANCED_KERNEL)
    said = ask(daemon, "stats", "--check")
    daemon.answers["stats"] = balanced()
    assert said == ask(daemon, "stats", "--check")
    assert said.endswith("every packet is accounted for\n")


def amounts(text):
    """What is said of each amount of a check, its indentation apart."""
    return dict(re.findall(r"^ *(.*\S) +(\d+)$", text, re.M))


def test_check_begins_at_what_the_rules_saw(daemon):
    daemon.answers["stats"] = balanced(COPIED, {"icmp-out-errors": 3, "icmp6-out-errors": 4})
    said = ask(daemon, "stats", "--check")
    assert said.splitlines()[:8] == [f"{what:<54} {amount:12}" for what, amount in [
        ("seen by the capture rules", 73), ("  to private neighbours, as it was", 3),
        ("  untouched: needed nothing", 5),
        ("  changed by the kernel: the outer source", 12), ("  left with a private source: no map covers it", 1),
        ("  copied, to be read", 52), ("    vanished before the queue", 0), ("handed over by the capture rules", 52)]]
    assert amounts(said)["ICMP that the kernel could not send (OutErrors)"] == "7"
    assert said.splitlines()[-1] == "every packet is accounted for"


def test_check_sees_a_copy_that_vanished(daemon):
    daemon.answers["stats"] = balanced({**COPIED, "copied": 54})
    done = ctl("-s", daemon.path, "stats", "--check")
    assert done.returncode == 1
    wrong, = [line for line in done.stdout.decode().splitlines() if line.startswith("WRONG: ")]
    assert wrong == ("WRONG: 2 copies of errors vanished before the queue: look for a drop in a raw or mangle output "
                     "chain, and at the routes to their next hop")


def test_check_while_copies_are_made(daemon):
    """They are counted as copied before they are as queued, and read before that."""
    daemon.answers["stats"] = [
        stats({**BALANCED, ("queue", "received"): (30 + n, 12), ("outcome", "outer"): (30 + n, 12),
               ("verdict", "accepted"): (20 + n, 0)}, {**BALANCED_KERNEL[0], "id-sequence": 33 + n}, BALANCED_KERNEL[1],
              rules={**COPIED, "copied": 53 + n, "queued": 52 + n}) for n in range(100)]
    assert ask(daemon, "stats", "--check").endswith("every packet is accounted for\n")


def test_check_of_rules_that_do_not_copy(daemon):
    """What they queue are no copies, and what they do not queue leaves unread."""
    rules = {name: n for name, n in COPIED.items() if name != "copied"}
    daemon.answers["stats"] = balanced({**rules, "unread": 9})
    said = ask(daemon, "stats", "--check")
    assert amounts(said)["seen by the capture rules"] == "30"
    assert amounts(said)["left unread: there is no copy of them"] == "9"
    assert amounts(said)["handed over by the capture rules"] == "52"
    assert "copied" not in said and said.splitlines()[-1] == "every packet is accounted for"


def test_check_of_rules_younger_than_the_daemon(daemon):
    daemon.answers["stats"] = balanced({**COPIED, "copied": 3, "queued": 3})
    said = ask(daemon, "stats", "--check").splitlines()
    assert said[0] == "the capture rules were loaded after the daemon had begun to count"
    assert said[-1] == "of what entered the queue, every packet is accounted for"


MANY = 5 << 32  # the kernel's sequence of each queue has wrapped


def after_many(missing=0):
    """Balanced accounts after so many more packets for each worker."""
    values = {key: tuple(n + MANY for n in value) if key in [("queue", "received"), ("outcome", "outer"),
              ("verdict", "accepted")] else value for key, value in BALANCED.items()}
    return stats(values, {**BALANCED_KERNEL[0], "id-sequence": 33 + missing}, BALANCED_KERNEL[1])


def test_check_after_the_sequence_has_wrapped(daemon):
    daemon.answers["stats"] = after_many()
    lines = ask(daemon, "stats", "--check").splitlines()
    assert lines[-1].endswith("every packet is accounted for")
    assert f"{2 * MANY + 45}" in [line.split()[-1] for line in lines if "entered the queue" in line]


@pytest.mark.parametrize("missing", [1, -1])
def test_check_sees_a_packet_after_the_sequence_has_wrapped(daemon, missing):
    daemon.answers["stats"] = after_many(missing)
    done = ctl("-s", daemon.path, "stats", "--check")
    assert done.returncode == 1 and b"WRONG: not every packet that entered the queue" in done.stdout


def test_check_is_made_for_each_queue(daemon):
    """What one queue lacks, another cannot have too much of."""
    first, second = ({**counters, "id-sequence": n} for counters, n in zip(BALANCED_KERNEL, (34, 11)))
    daemon.answers["stats"] = stats(BALANCED, first, second)
    done = ctl("-s", daemon.path, "stats", "--check")
    assert done.returncode == 1 and b"WRONG: not every packet that entered the queue" in done.stdout


def test_check_of_a_queue_that_the_kernel_does_not_know(daemon):
    daemon.answers["stats"] = stats(BALANCED, BALANCED_KERNEL[0])
    done = ctl("-s", daemon.path, "stats", "--check")
    assert done.returncode == 1 and b"WRONG: not every packet that entered the queue" in done.stdout


@pytest.mark.parametrize("counter, value, sentence", [
    (("outcome", "outer"), (30, 11), "has had one outcome"),
    (("verdict", "accepted"), (19, 0), "has had one verdict"),
    (("verdict", "refused-gone"), (43, 0), "more verdicts were refused than sent"),
    ("id-sequence", 34, "not every packet that entered the queue"),
    ("waiting", 2, "packets wait that nobody will give a verdict"),
])
def test_check_of_wrong_accounts(daemon, counter, value, sentence):
    values, kernel = dict(BALANCED), dict(BALANCED_KERNEL[0])
    (values if counter in values else kernel)[counter] = value
    daemon.answers["stats"] = stats(values, kernel, BALANCED_KERNEL[1])
    done = ctl("-s", daemon.path, "stats", "--check")
    assert done.returncode == 1
    wrong, = [line for line in done.stdout.decode().splitlines() if line.startswith("WRONG: ")]
    assert sentence in wrong


def test_check_while_everything_moves(daemon):
    """Numbers that grow while they are read are never equal, and never wrong."""
    moving = [stats({**BALANCED, ("queue", "received"): (30 + n, 12), ("outcome", "outer"): (29 + n, 12),
                     ("verdict", "accepted"): (19 + n, 0)}, {**BALANCED_KERNEL[0], "id-sequence": 34 + n},
                    BALANCED_KERNEL[1])
              for n in range(100)]
    daemon.answers["stats"] = moving
    assert ask(daemon, "stats", "--check").endswith("every packet is accounted for\n")


def test_stats_counter_that_is_not_explained(daemon):
    """A counter that explain forgot still stands with its group."""
    daemon.answers["stats"] = stats({**VALUES, ("queue", "overrun"): (1, 1)})
    assert ask(daemon, "stats").splitlines()[:3][2].split() == ["overrun", "2"]


def test_stats_colours_only_on_a_terminal(daemon):
    assert "\033" not in ask(daemon, "stats")
    coloured = on_terminal(daemon, "stats")
    assert "\033[32mrewritten\033[0m" in coloured
    assert "\033[31mleaked\033[0m" in coloured
    assert "0 malformed" in coloured  # nothing happened, so nothing shines
    assert "\033" not in on_terminal(daemon, "stats", NO_COLOR="1")


def test_stats_json(daemon):
    counters = json.loads(ask(daemon, "stats", "--json"))["counters"]
    assert counters[1] == {"group": "outcome", "name": "outer", "fate": "rewritten", "value": 30,
                           "workers": {"0": 20, "1": 10}}
    assert counters[-1] == {"group": "kernel", "name": "queue-dropped", "value": 2**64 - 1, "queues": {"0": 2**64 - 1}}
    assert len(counters) == 7
    explained = json.loads(ask(daemon, "stats", "--json", "--explain"))["counters"]
    assert {c["name"]: c["explanation"] for c in explained}["leaked-outer"] == "leaves with a private source"


def test_stats_json_of_the_rules_and_the_host(daemon):
    daemon.answers["stats"] = stats(rules={"outer": {"eth0": 12, 'w"\\n': 1}}, host={"icmp-out-errors": 3})
    counters = json.loads(ask(daemon, "stats", "--json"))["counters"]
    assert {"group": "rules", "name": "outer", "fate": "rewritten", "value": 13,
            "interfaces": {"eth0": 12, 'w"\\n': 1}} in counters
    assert {"group": "host", "name": "icmp-out-errors", "value": 3} in counters


def test_json_without_rows(daemon):
    daemon.answers.update(explain="ok\n", stats="ok\n", maps="ok\n", status="ok\n")
    assert json.loads(ask(daemon, "stats", "-j")) == {"counters": []}
    assert json.loads(ask(daemon, "maps", "-j")) == {"maps": []}
    assert json.loads(ask(daemon, "status", "-j")) == {}


LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(%s(?:,%s)*)\})? ([0-9]+)" % (LABEL, LABEL))


def read_prometheus(text):
    """Reads the text format and is stricter than Prometheus: head before
    samples, each metric in one piece, no series twice, names that fit types."""
    types, samples, helped, current = {}, {}, None, None
    assert text.endswith("\n")
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            helped, sentence = line[7:].split(" ", 1)
            assert helped not in types and sentence
            assert re.fullmatch(r"(?:[^\\]|\\\\|\\n)*", sentence)
        elif line.startswith("# TYPE "):
            current, kind = line[7:].split(" ")
            assert current == helped and current not in types
            assert (kind == "counter") == current.endswith("_total")
            types[current] = kind
        else:
            match = SAMPLE.fullmatch(line)
            assert match, line
            assert match[1] == current
            labels = tuple(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[2] or ""))
            assert len(dict(labels)) == len(labels)
            assert (match[1], labels) not in samples
            samples[match[1], labels] = int(match[3])
    return types, samples


def test_stats_prometheus(daemon):
    text = ask(daemon, "stats", "--prometheus")
    assert "# HELP icmpnatd_queue_total Counters of group queue\n" in text
    assert "# HELP icmpnatd_kernel_waiting packets in the queue \\\\ now\n" in text
    types, samples = read_prometheus(text)
    assert types == {"icmpnatd_queue_total": "counter", "icmpnatd_outcome_total": "counter",
                     "icmpnatd_kernel_waiting": "gauge", "icmpnatd_kernel_queue_dropped_total": "counter"}
    assert samples["icmpnatd_outcome_total", (("name", "outer"), ("fate", "rewritten"), ("worker", "0"))] == 20
    assert samples["icmpnatd_queue_total", (("name", "received"), ("worker", "1"))] == 12
    assert samples["icmpnatd_kernel_queue_dropped_total", (("queue", "0"),)] == 2**64 - 1
    assert len(samples) == 12


def test_stats_prometheus_of_the_rules_and_the_host(daemon):
    daemon.answers["stats"] = stats(rules={"outer": {"eth0": 12, 'w"': 1}, "copied": 7}, host={"icmp-out-errors": 3})
    _, samples = read_prometheus(ask(daemon, "stats", "--prometheus"))
    assert samples["icmpnatd_rules_total", (("name", "outer"), ("fate", "rewritten"), ("interface", "eth0"))] == 12
    assert samples["icmpnatd_rules_total", (("name", "outer"), ("fate", "rewritten"), ("interface", 'w\\"'))] == 1
    assert samples["icmpnatd_rules_total", (("name", "copied"), ("interface", "eth0"))] == 7
    assert samples["icmpnatd_host_icmp_out_errors_total", ()] == 3


def test_stats_prometheus_of_strange_names(daemon):
    daemon.answers["explain"] = b'o"d\td\tx\\y\t\xffz"\\\nkernel\tn\xc3\xa9\ts\\\nok\n'
    daemon.answers["stats"] = b'o"d\td\t0\t1\nother\tx\t0\t3\nkernel\tn\xc3\xa9\t7\t2\nok\n'
    types, samples = read_prometheus(ask(daemon, "stats", "-p"))
    assert list(types) == ["icmpnatd_o_d_total", "icmpnatd_kernel_n___total", "icmpnatd_other_total"]
    assert samples["icmpnatd_o_d_total", (("name", "d"), ("fate", '�z\\"\\\\'), ("worker", "0"))] == 1


def test_stats_prometheus_groups_stay_in_one_piece(daemon):
    daemon.answers["explain"] = "ok\n"
    daemon.answers["stats"] = "a\tx\t0\t1\nb\tx\t0\t2\na\ty\t0\t3\nok\n"
    _, samples = read_prometheus(ask(daemon, "stats", "-p"))
    assert list(samples.values()) == [1, 3, 2]


# --- maps


def test_maps_for_people(daemon):
    lines = ask(daemon, "maps").splitlines()
    assert [line.split() for line in lines] == [
        ["private", "public", "part", "outside", "hits", "where"],
        ["192.168.42.1", "->", "1.2.3.1", "both", "eth0", "17", "/etc/icmpnatd/icmpnatd.conf:2"],
        ["fd00:1::/64", "->", "2001:db8:1::/64", "inner", "*", "0", "/etc/icmpnatd/icmpnatd.conf:3"],
    ]
    assert lines[0].index("hits") + 4 == lines[1].index("17") + 2


def test_maps_json(daemon):
    assert json.loads(ask(daemon, "maps", "--json"))["maps"][0] == {
        "private": "192.168.42.1", "public": "1.2.3.1", "part": "both", "outside": "eth0", "hits": 17,
        "where": "/etc/icmpnatd/icmpnatd.conf:2"}


def test_maps_many(daemon):
    row = "10.%d.%d.%d\t1.2.3.1\touter\t*\t%d\tf:1\n"
    daemon.answers["maps"] = "".join(row % (n >> 16, n >> 8 & 255, n & 255, n) for n in range(300000)) + "ok\n"
    assert ask(daemon, "maps").count("\n") == 300001
    assert json.loads(ask(daemon, "maps", "-j"))["maps"][-1]["hits"] == 299999


def test_maps_are_printed_before_the_last_one_arrives(daemon):
    """Text needs no memory for the reply: rows come out while the daemon still sends."""
    go_on = threading.Event()

    def slowly(connection):
        connection.sendall(MAPS.encode() * 1000)
        go_on.wait(30)
        connection.sendall(b"ok\n")

    daemon.answers["maps"] = slowly
    with subprocess.Popen([CTL, "-s", daemon.path, "maps"], stdout=subprocess.PIPE) as process:
        assert process.stdout.read(4096)
        go_on.set()
        process.stdout.read()
    assert process.returncode == 0


# --- reload


def test_reload(daemon):
    assert ask(daemon, "reload") == "configuration reloaded\n"


def test_reload_with_warnings(daemon):
    daemon.answers["reload"] = "f:3: warning: 1.2.3.1 is not an address of this host\nok\n"
    done = ctl("-s", daemon.path, "reload")
    assert (done.returncode, done.stdout) == (0, b"configuration reloaded\n")
    assert done.stderr == b"f:3: warning: 1.2.3.1 is not an address of this host\n"


def test_reload_of_a_bad_file(daemon):
    daemon.answers["reload"] = "f:3: unknown name\nf:4: not an address\nerror\tthe old one stays\n"
    done = ctl("-s", daemon.path, "reload")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == b"f:3: unknown name\nf:4: not an address\nicmpnatctl: the old one stays\n"


# --- watch


def counting(*received):
    return [stats({**VALUES, ("queue", "received"): (n, 0)}) for n in received]


def test_watch_prints_what_changed(daemon):
    daemon.answers["stats"] = counting(10, 10, 30, 5)
    begin = time.monotonic()
    lines = ask(daemon, "watch", "-n", "3", "-i", "0.2").splitlines()
    seconds = time.monotonic() - begin
    assert len(lines) == 2
    clock, group, name, total, change, rate = lines[0].split()
    assert re.fullmatch(r"\d\d:\d\d:\d\d", clock)
    assert (group, name, total, change) == ("queue", "received", "30", "+20")
    assert 20 / seconds < float(rate.removesuffix("/s")) <= 101
    # the daemon was restarted: 5 since then, not -25
    assert lines[1].split()[3:5] == ["5", "+5"]


def test_watch_gauge_goes_down(daemon):
    daemon.answers["stats"] = [stats(VALUES, {"waiting": 9}), stats(VALUES, {"waiting": 4})]
    assert ask(daemon, "watch", "-n1", "-i0.1").split()[1:] == ["kernel", "waiting", "4", "-5"]


def test_watch_on_a_terminal_draws_a_screen(daemon):
    daemon.answers["stats"] = counting(10, 10, 30, 30)
    seen = on_terminal(daemon, "watch", "-n", "3", "-i", "0.1")
    assert seen.count("\033[H\033[J") == 3
    assert "nothing has changed yet" in seen
    assert seen.count("received") == 2  # a row stays once it has moved


def test_watch_ends_when_the_daemon_does(daemon):
    daemon.answers["stats"] = [stats(), "error\tgoing down\n"]
    assert refuse(daemon, "watch", "-i", "0.1") == "icmpnatctl: going down\n"


# --- the daemon is not there, or not well


def test_no_daemon(tmp_path):
    for path in (tmp_path / "absent", tmp_path / "absent" / "control"):
        done = ctl("-s", str(path), "status")
        assert done.returncode == 1
        assert done.stderr.decode() == f"icmpnatctl: no daemon listens on {path}: is icmpnatd running? Start it, or name its control.socket by --socket\n"


def test_socket_that_nobody_listens_on(daemon):
    daemon.close()
    assert refuse(daemon, "status") == f"icmpnatctl: no daemon listens on {daemon.path}: is icmpnatd running? Start it, or name its control.socket by --socket\n"


def test_path_that_is_no_socket(tmp_path):
    (tmp_path / "file").touch()
    assert ctl("-s", str(tmp_path / "file"), "status").returncode == 1
    assert b"too long" in ctl("-s", "/" + "x" * 200, "status").stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_no_permission():
    with reachable_directory() as directory, contextlib.closing(StandIn(directory / "control")) as daemon:
        os.chmod(daemon.path, 0o660)
        os.chown(daemon.path, 0, 1)
        copy = shutil.copy(CTL, directory)
        done = ctl("-s", daemon.path, "status", program=copy, user=65534, group=65534, extra_groups=[])
        assert done.returncode == 1
        assert done.stderr.decode() == f"icmpnatctl: no permission for {daemon.path}: you are not in group daemon: join it, or ask as root\n"


@pytest.mark.parametrize("answer, complaint", [
    (b"", "closed the connection without an answer"),
    (b"version\t1", "cut short"),
    (b"version\t1\n", "cut short"),
    (b"version\t1\no", "cut short"),
    (b"ok", "cut short"),
    (b"no tab\n", "not understood at: no tab"),
    (b"error\n", "not understood at: error"),
    (b"\n", "not understood at: "),
    (b"version\t1\0\nok\n", "not text"),
    (b"ok\0\n", "not text"),
    (b"x" * 65536, "more than 65536 bytes"),
    (b"a\tb\n" + b"\xff" * 1000000, "more than 65536 bytes"),
    (b"\x1b[2J\x9b\xc2\x9b\n", "at: ?[2J??"),
    (b"error\tno \x1b[31mway\n", "icmpnatctl: no ?[31mway"),
], ids=lambda value: repr(value[:20]) if isinstance(value, bytes) else "")
def test_garbage(daemon, answer, complaint):
    daemon.answers["status"] = answer
    assert complaint in refuse(daemon, "status")
    assert complaint in refuse(daemon, "status", "--json")


def test_longest_line(daemon):
    daemon.answers["status"] = "file\t" + "x" * (65535 - 5) + "\nok\n"
    assert len(ask(daemon, "status")) == 16 + 65530 + 1


@pytest.mark.parametrize("answer", [
    "a\tb\t0\n", "a\tb\t0\t-1\n", "a\tb\t0\t+1\n", "a\tb\t0\t 1\n", "a\tb\t0\t01\n", "a\tb\t0\t\n",
    "a\tb\t0\t18446744073709551616\n", "a\tb\tx\t1\n", "a\tb\t65536\t1\n", "a\tb\t0\t1\na\tb\t0\t1\n",
    "rules\tb\t\t1\n", "rules\tb\t" + "i" * 16 + "\t1\n", "rules\tb\teth0\t1\n" * 2,
    "".join(f"rules\tb\teth{n}\t1\n" for n in range(65)), "host\tb\t0\t1\n", "host\tb\t-\t1\n" * 2,
    "g" * 24 + "\tb\t0\t1\n", "a\t" + "n" * 40 + "\t0\t1\n",
    "".join(f"a\tb\t{n}\t1\n" for n in range(65)), "".join(f"a\tb{n}\t0\t1\n" for n in range(257)),
], ids=lambda answer: repr(answer[:20]))
def test_stats_garbage(daemon, answer):
    """Nothing is printed of a report that is not whole, least of all metrics."""
    daemon.answers["stats"] = answer + "ok\n"
    for output in ([], ["--json"], ["--prometheus"]):
        done = ctl("-s", daemon.path, "stats", *output)
        assert (done.returncode, done.stdout) == (1, b"")
        assert b"not understood" in done.stderr


@pytest.mark.parametrize("answer", ["a\tb\nok\n", "a\tb\t" + "x" * 160 + "\nok\n", "a\tb\tc\t" + "x" * 16 + "\nok\n"],
                         ids=lambda answer: repr(answer[:20]))
def test_explain_garbage(daemon, answer):
    daemon.answers["explain"] = answer
    assert "not understood" in refuse(daemon, "stats")


@pytest.mark.parametrize("answer", ["a\tb\tc\td\t1\n", "a\tb\tc\td\tx\te\n"])
def test_maps_garbage(daemon, answer):
    daemon.answers["maps"] = answer + "ok\n"
    assert "not understood" in refuse(daemon, "maps")


def test_truncated_maps_are_no_json(daemon):
    daemon.answers["maps"] = MAPS
    done = ctl("-s", daemon.path, "maps", "--json")
    assert done.returncode == 1
    with pytest.raises(json.JSONDecodeError):
        json.loads(done.stdout)


def test_daemon_that_says_nothing(daemon):
    daemon.answers["status"] = lambda connection: connection.recv(1)

    def attempt():
        before = time.monotonic()
        assert refuse(daemon, "status") == "icmpnatctl: the daemon did not answer within 10 seconds: look at its log, and try again\n"
        return time.monotonic() - before
    assert 9 < quickest(attempt, 15) < 15


def after_seconds(seconds, answer):
    def wait(connection):
        time.sleep(seconds)
        connection.sendall(answer.encode())
    return wait


@pytest.mark.parametrize("slow", [
    {"reload": after_seconds(11, "ok\n")},
    {"upgrade": after_seconds(11, "ok\n"), "status": [STATUS, after_seconds(11, "version\t1.1\nupgrades\t1\nok\n")]},
], ids=["reload", "upgrade"])
def test_daemon_that_has_much_to_load(daemon, slow):
    """An upgrade has a trial and two loads of the file, and the next program has one before it answers."""
    daemon.answers.update(slow)
    ask(daemon, *[request for request in slow if request != "status"])


def test_daemon_that_sends_byte_by_byte(daemon):
    def bytewise(connection):
        for byte in STATUS.encode():
            connection.send(bytes([byte]))
            time.sleep(0.001)

    daemon.answers["status"] = bytewise
    assert "version:        1.0, pid 4711\n" in ask(daemon, "status")


def test_daemon_that_is_full(tmp_path):
    """It answers without reading and closes: the reason must not be lost."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "control"))
    listener.listen()

    def turn_away():
        connection, _ = listener.accept()
        connection.sendall(b"error\ttoo many clients\n")
        connection.close()

    thread = threading.Thread(target=turn_away)
    thread.start()
    done = ctl("-s", str(tmp_path / "control"), "status")
    thread.join()
    listener.close()
    assert (done.returncode, done.stderr) == (1, b"icmpnatctl: too many clients\n")


STRANGE = b'"\\/\x01\x1f\x7f\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80'
BROKEN = b"\xff\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80\xe2\x82\xf0\x9f\x98"


def test_json_strings(daemon):
    daemon.answers["status"] = b"file\t" + STRANGE + b"\nstrange" + STRANGE + b"\tx\nok\n"
    status = json.loads(ask(daemon, "status", "--json"))
    assert status == {"file": STRANGE.decode(), "strange" + STRANGE.decode(): "x"}


def test_json_strings_that_are_not_utf8(daemon):
    """Output is UTF-8 whatever came in; each byte that fits nowhere becomes U+FFFD."""
    daemon.answers["status"] = b"file\ta" + BROKEN + b"z\nok\n"
    assert json.loads(ask(daemon, "status", "--json")) == {"file": "a" + "\ufffd" * len(BROKEN) + "z"}


def test_text_never_acts_on_the_terminal(daemon):
    daemon.answers["maps"] = b"\x1b]0;x\x07\t1.2.3.1\tboth\t\xc2\x9b1m\t1\tf\xc3\xa9:1\nok\n"
    line = ask(daemon, "maps").splitlines()[1]
    assert line.split() == ["?]0;x?", "->", "1.2.3.1", "both", "?1m", "1", "fé:1"]
    assert line.index("->") == 23


# --- the command line


@pytest.mark.parametrize("arguments", [
    [], ["nonsense"], ["status", "stats"], ["--nonsense"], ["status", "--all"], ["maps", "--prometheus"],
    ["reload", "-j"], ["stats", "--json", "--prometheus"], ["watch", "-n", "0"], ["watch", "-n", "-1"],
    ["watch", "-n", "1x"], ["watch", "-n", "99999999999999999999"], ["watch", "-i", "0"], ["watch", "-i", "nan"],
    ["watch", "-i", "1e9"], ["watch", "-i", ""], ["-s"], ["status", "-n", "1"],
])
def test_usage(arguments):
    done = ctl(*arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().splitlines()[-1] == "try: icmpnatctl help"


def test_options_stand_anywhere(daemon):
    done = ctl("stats", "--json", "--socket", daemon.path)
    assert done.returncode == 0 and json.loads(done.stdout)
    assert daemon.requests == ["explain", "stats"]


def test_help_fits_a_screen():
    for arguments in (["help"], ["--help"], ["-h"]):
        done = ctl(*arguments)
        assert (done.returncode, done.stderr) == (0, b"")
        lines = done.stdout.decode().splitlines()
        assert len(lines) < 24 and max(map(len, lines)) <= 80


def test_version():
    assert re.fullmatch(rb"icmpnatctl \S+\n", ctl("--version").stdout)


def test_full_disk(daemon):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([CTL, "-s", daemon.path, "stats"], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert b"cannot write to standard output" in done.stderr


# --- completion


COMPLETION = os.path.join(os.path.dirname(__file__), "../../completion/icmpnatctl.bash")


@pytest.mark.parametrize("words, expected", [
    (["st"], {"status", "stats"}),
    (["--soc"], {"--socket"}),
    (["stats", "--"], {"--socket", "--all", "--explain", "--json", "--check", "--prometheus",
                       "--help", "--version"}),
    (["-s", "x", "maps", "--j"], {"--json"}),
    (["reload", "--j"], set()),
    (["watch", "--i"], {"--interval"}),
    (["watch", "--count", ""], set()),
])
def test_completion(words, expected):
    script = (f'. {COMPLETION}; COMP_WORDS=("$@"); COMP_CWORD=$(($#-1)); _icmpnatctl "$1"; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "-c", script, "bash", CTL, *words], stdout=subprocess.PIPE, check=True)
    assert set(done.stdout.decode().split()) == expected
