# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""The daemon answers each request of the control protocol as documented, and only to those who may ask."""
import json
import os
import re
import stat
import subprocess
import time

import pytest

from conftest import GROUP, KERNEL_COUNTERS, MAPS, NOBODY, ROOT, counters, many, needs_users, probe
from lab.client import wait_until
from permissions import REQUESTS

# --- requests


def test_status(stopped):
    began = time.time()
    daemon = stopped.start()
    rows = daemon.ask("status")
    passed = time.time() - began
    status = {row[0]: row[1] for row in rows}
    assert list(status) == ["working", "reason", "version", "pid", "uptime", "started", "upgrades", "file", "loaded",
                            "maps", "lookup", "attached-flows", "workers", "queues", "mode", "rules", "kernel", "outside",
                            "errors", "last-error", "last-warning"]
    assert status["working"] == "unknown"  # iptables has the rules
    assert status["pid"] == str(daemon.process.pid)
    assert status["file"] == str(daemon.file)
    assert status["maps"] == str(len(MAPS))
    assert status["rules"] == "external" and status["mode"] == "live"
    assert status["queues"] == "0" and status["workers"] == "1" and status["lookup"] == "auto"
    assert int(began) <= int(status["started"]) <= int(status["loaded"]) <= began + passed
    assert int(status["uptime"]) <= passed + 1
    assert rows[-9] == ["outside", "lo", "up", "IPv4"]
    assert [row[1:3] for row in rows[-8:-2]] == [
        [who, "0"] for who in ("nobody", "kernel", "daemon", "let-go", "malformed", "dropped")]
    assert status["last-error"] == "none"


def test_status_of_an_interface_that_comes_and_goes(stopped):
    stopped.file.write_text(stopped.file.read_text().replace('[ "lo" ]', '[ "lo", "later0" ]'))
    stopped.start()

    def state():
        return [row[2] for row in stopped.ask("status") if row[:2] == ["outside", "later0"]]

    assert state() == ["missing"]
    subprocess.run("ip link add later0 type veth peer name later1".split(), check=True)
    try:
        wait_until(lambda: state() == ["up"], "the interface")
    finally:
        subprocess.run("ip link del later0".split(), check=True)
    wait_until(lambda: state() == ["missing"], "the end of the interface")
    when, what = last(stopped, "last-warning")
    assert what == "outside interface later0 is missing: nothing is translated on it until it comes"
    assert abs(when - time.time()) < 60


def last(daemon, key):
    (when, text), = [row[1:] for row in daemon.ask("status") if row[0] == key]
    return int(when), text


def test_status_without_any_interface(stopped):
    stopped.file.write_text(stopped.file.read_text().replace('[ "lo" ]', '[ "later0" ]'))
    stopped.start()
    assert stopped.ask("status")[:2] == [
        ["working", "no"], ["reason", "no outside interface is there: create one, or correct outside"]]
    assert stopped.ctl("status").returncode == 1


def test_status_after_a_bad_reload(daemon):
    daemon.file.write_text("outside = 5;\n")
    daemon.refuse("reload")
    assert last(daemon, "last-error")[1].startswith(f"{daemon.file} was not reloaded: ")


def test_status_tells_who_dealt_with_errors(daemon):
    probe("20.0.0.5", "192.168.77.1", timeout=0.2)
    errors = {row[1]: int(row[2]) for row in daemon.ask("status") if row[0] == "errors"}
    assert sum(errors.values()) == errors["daemon"] + errors["let-go"] + errors["nobody"] == 1


def test_stats_and_explain_name_the_same(daemon):
    explained = daemon.ask("explain")
    present = [row[:2] for row in explained if row[0] not in ("rules", "kernel")]
    present += [row[:2] for row in explained if row[0] == "kernel" and KERNEL_COUNTERS]
    assert sorted(row[:2] for row in daemon.ask("stats")) == sorted(present)
    for group, name, sentence, *fate in explained:
        assert sentence
        assert len(fate) == (group == "outcome" or group == "rules" and name not in ("copied", "unread", "queued"))
        assert not fate or fate[0] in ("rewritten", "passed", "leaked", "malformed")
    groups = list(dict.fromkeys(row[0] for row in explained))
    assert sorted(groups) == ["flow", "host", "kernel", "mode", "outcome", "queue", "rules", "type", "verdict"]
    names = [row[1] for row in explained if row[0] == "type"]
    assert names == ["destination-unreachable", "time-exceeded", "parameter-problem", "destination-unreachable-v6",
                     "packet-too-big-v6", "time-exceeded-v6", "parameter-problem-v6"]


def test_stats_add_up(daemon):
    for _ in range(20):
        assert probe()
    now = counters(daemon)
    outcomes = sum(value for (group, _, _), value in now.items() if group == "outcome")
    verdicts = sum(now["verdict", name, "0"] for name in ("accepted", "rewritten", "dropped"))
    assert now["queue", "received", "0"] == outcomes == verdicts == 20
    assert now["type", "destination-unreachable", "0"] == 20
    if KERNEL_COUNTERS:
        assert now["kernel", "id-sequence", "0"] == 20
        assert all(now["kernel", name, "0"] == 0 for name in ("waiting", "queue-dropped", "user-dropped"))


def test_stats_of_two_workers(stopped):
    stopped.configure(more="queue = { workers = 2; };")
    stopped.start()
    now = counters(stopped)
    assert {instance for group, _, instance in now if group == "outcome"} == {"0", "1"}
    assert ["queues", "0-1"] in stopped.ask("status")


def test_maps(daemon):
    rows = daemon.ask("maps")
    assert [row[:5] for row in rows] == [[a, b, "both", "*", "0"] for a, b in MAPS]
    assert [row[5] for row in rows] == [f"{daemon.file}:3", f"{daemon.file}:4"]


def test_maps_scopes(stopped):
    stopped.file.write_text(stopped.file.read_text().replace(
        'public = "198.20.0.1"; }', 'public = "198.20.0.1"; outside = "lo"; part = "outer"; },\n'
        '  { private = "fd00:1::/64"; public = "2001:db8:1::/64"; part = "inner"; }'))
    stopped.start()
    rows = [row[:4] for row in stopped.ask("maps")]
    assert ["192.168.77.1", "198.20.0.1", "outer", "lo"] in rows
    assert ["fd00:1::/64", "2001:db8:1::/64", "inner", "*"] in rows


def test_maps_count_their_hits(daemon):
    for _ in range(3):  # the client cannot recognize what comes back: the quoted address is changed, too
        probe("20.0.0.5", "192.168.77.1", timeout=0.2)
    hits = {row[0]: int(row[4]) for row in daemon.ask("maps")}
    assert hits["192.168.77.1"] >= 3
    assert hits["192.168.78.0/24"] == 0
    assert counters(daemon)["verdict", "rewritten", "0"] == 3


def test_help_lists_what_is_answered(daemon):
    requests = [row[0] for row in daemon.ask("help")]
    assert sorted(requests) == sorted(REQUESTS)
    for request in requests:
        daemon.ask(request)


@pytest.mark.parametrize("request_line, shown", [
    ("xyz", "xyz"), ("", ""), ("STATUS", "STATUS"), (" status", " status"), ("status ", "status "), ("stat", "stat"),
    ("status\tx", "status?x"), ("\x1b[2J", "?[2J"), ('a"b', "a?b"),
])
def test_unknown_request(daemon, request_line, shown):
    assert daemon.refuse(request_line) == ([], f'unknown request "{shown}"; try help')


def test_one_request_for_each_connection(daemon):
    assert daemon.raw(b"help\nstatus\n") == daemon.raw(b"help\n")


def test_a_line_may_end_as_telnet_ends_it(daemon):
    assert daemon.raw(b"help\r\n") == daemon.raw(b"help\n")


# --- reload


def test_reload(daemon):
    daemon.configure(maps=[("192.168.79.1", "198.20.0.9")])
    daemon.ask("reload")
    assert [row[:2] for row in daemon.ask("maps")] == [["192.168.79.1", "198.20.0.9"]]
    assert daemon.is_well()


def test_reload_reads_the_table_again(daemon):
    daemon.configure(more='maps_file = "maps";')
    table = daemon.directory / "maps"
    for public in "198.20.0.1", "198.20.0.2":
        table.write_text(f"# a comment\n192.168.79.1 {public}\n")
        daemon.ask("reload")
        assert ["192.168.79.1", public, f"{table}:2"] in [row[:2] + row[-1:] for row in daemon.ask("maps")]
    before = daemon.ask("maps")
    table.write_text("192.168.79.1 198.20.0.3\n\n192.168.79.2 10.0.0.1\n")
    rows, reason = daemon.refuse("reload")
    assert rows == [f"{table}:3: public 10.0.0.1 overlaps 10.0.0.0/8 (private, RFC 1918): "
                    "expected addresses that are routed on the Internet"]
    assert "old" in reason
    assert daemon.ask("maps") == before


@pytest.mark.parametrize("text, complaint", [
    ('outside = [ "lo" ];\nmaps = (\n', r":3: syntax error here or just before"),
    ('outside = [ "lo" ];\nmops = ();\n', r":2: .*mops"),
    ('outside = [ "lo" ];\nmaps = ( { private = "192.168.1.1";\n public = "192.168.1.2"; } );', r":3: "),
    ("", r": .*outside"),
    (None, r": .*(No such file|not be)"),
])
def test_reload_of_a_bad_file(daemon, text, complaint):
    before = daemon.ask("maps")
    daemon.file.unlink() if text is None else daemon.file.write_text(text)
    rows, reason = daemon.refuse("reload")
    assert any(re.match(re.escape(str(daemon.file)) + complaint, row) for row in rows), rows
    assert "old" in reason
    assert daemon.ask("maps") == before
    assert daemon.is_well()


def test_reload_shows_all_mistakes_to_the_one_who_asked(daemon):
    daemon.configure(maps=[("192.168.79.1", "10.0.0.1"), ("nonsense", "198.20.0.9")])
    done = daemon.ctl("reload")
    assert (done.returncode, done.stdout) == (1, "")
    *mistakes, last = done.stderr.splitlines()
    assert [line for line in mistakes if line.startswith(f"{daemon.file}:3: ")]
    assert [line for line in mistakes if line.startswith(f"{daemon.file}:4: ")]
    assert last.startswith("icmpnatctl: ")


def test_reload_while_maps_are_sent(stopped):
    """A list never continues with rows of another configuration."""
    stopped.configure(maps=many(20000))
    stopped.start()
    s = stopped.connect()
    s.sendall(b"maps\n")
    received = s.recv(1000)
    stopped.configure()
    stopped.ask("reload")
    while piece := s.recv(1 << 20):
        received += piece
    assert received.endswith(b"\nerror\tthe configuration was reloaded meanwhile; ask again\n")
    assert b"192.168.77.1\t" not in received


# --- who may


def test_socket_belongs_to_the_group(stopped):
    stopped.configure(group=GROUP.name)
    stopped.start() if ROOT else pytest.skip("the group is not mapped here")
    found = stopped.socket.stat()
    assert stat.filemode(found.st_mode) == "srw-rw----"
    assert (found.st_uid, found.st_gid) == (0, GROUP.gid)


def test_socket_without_a_group(daemon):
    found = daemon.socket.stat()
    assert stat.filemode(found.st_mode) == "srw-rw----"
    assert (found.st_uid, found.st_gid) == (os.geteuid(), os.getegid())


def test_group_that_is_not_there(stopped):
    stopped.configure(group="no-such-group")
    text = stopped.fail()
    assert text.count("\n") == 1 and "no-such-group" in text
    assert not stopped.socket.exists()


@needs_users
def test_client_of_a_stranger_and_of_a_member(stopped):
    stopped.configure(group=GROUP.name)
    stopped.start()
    done = stopped.ctl("status", user=NOBODY, group=NOBODY, extra_groups=[])
    assert done.returncode == 1
    assert done.stderr == f"icmpnatctl: no permission for {stopped.socket}: you are not in group {GROUP.name}: join it, or ask as root\n"
    done = stopped.ctl("reload", user=NOBODY, group=NOBODY, extra_groups=[GROUP.gid])
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "icmpnatctl: not permitted: reload is for root and the daemon's own user\n"


# --- the client and the daemon together


def test_client(daemon):
    probe("20.0.0.5", "192.168.77.1", timeout=0.2)
    assert json.loads(daemon.ctl("status", "--json").stdout)["outside"] == [
        {"interface": "lo", "state": "up", "families": "IPv4"}]
    screen = [line for line in daemon.ctl("status").stdout.splitlines() if not line.startswith("file:")]
    assert len(screen) < 24 and max(map(len, screen)) <= 80
    stats = json.loads(daemon.ctl("stats", "--json", "--explain").stdout)["counters"]
    assert [c["value"] for c in stats if c["name"] == "received"] == [1]
    assert all(c["explanation"] for c in stats)
    assert len(json.loads(daemon.ctl("maps", "--json").stdout)["maps"]) == len(MAPS)
    metrics = daemon.ctl("stats", "--prometheus").stdout
    assert 'icmpnatd_queue_total{name="received",worker="0"} 1\n' in metrics
    if KERNEL_COUNTERS:
        assert '# TYPE icmpnatd_kernel_waiting gauge\nicmpnatd_kernel_waiting{queue="0"} 0\n' in metrics
    assert daemon.ctl("stats").stdout.splitlines()[-1].startswith("total by the daemon: 1 packets: ")
    assert daemon.ctl("reload").stdout == "configuration reloaded\n"
    assert daemon.ctl("watch", "-n1", "-i0.1").returncode == 0
    for command in ("status", "stats", "maps"):
        assert daemon.ctl(command).stderr == ""
