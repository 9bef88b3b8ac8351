# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""The package is installed, upgraded under a stream of errors, removed and purged, under a real systemd:

   client (network namespace out, 203.0.113.10) ---- eth0, 192.168.42.1: the machine, which rejects 192.0.2.9

Needs root, and the package in ICMPNATD_DEB.
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from lab.client import wait_until
from lab.machine import Machine, Unavailable, can_hold_rules

TOP = pathlib.Path(__file__).resolve().parents[2]
DEB = os.environ.get("ICMPNATD_DEB", "")
UNIT, RULES_UNIT = "icmpnatd.service", "icmpnatd-rules.service"
# The kernel does nothing, so that every error needs a daemon that runs.
CONFIG = """
outside = [ "eth0" ];
maps = ( { private = "192.168.42.1"; public = "198.51.100.1"; } );
kernel = "never";
"""
NETWORK = """
set -e
ip netns add out
ip link add eth0 type veth peer name eth0 netns out
ip addr add 192.168.42.1/24 dev eth0
ip link set eth0 up
ip -n out addr add 192.168.42.254/24 dev eth0
ip -n out addr add 203.0.113.10/32 dev lo
ip -n out link set lo up
ip -n out link set eth0 up
ip -n out route add 192.0.2.9 via 192.168.42.1 src 203.0.113.10
ip route add 203.0.113.10 via 192.168.42.254
ip link add dmz type veth peer name dmz netns out
ip link set dmz up
ip route add 192.0.2.9 dev dmz
nft 'table ip site { chain forward { type filter hook forward priority filter; ip daddr 192.0.2.9 reject; }; }'
sysctl -qw net.ipv4.ip_forward=1 net.ipv4.icmp_ratelimit=0
"""
# Sends numbered datagrams until standard input ends, waits for the error about each, and prints how many there were
# from which address.
STREAM = """
import collections, json, socket, struct, sys, threading, time
ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set())).start()
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, 11, 1)  # IP_RECVERR
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
s.connect(("192.0.2.9", 9))
sent, came = 0, {}
def hear():
    while True:
        try:
            data, control, _, _ = s.recvmsg(4, 512, socket.MSG_ERRQUEUE | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        came[struct.unpack("!I", data)[0]] = socket.inet_ntoa(control[0][2][20:24])
while not ended.wait(0.002):
    try:
        s.send(struct.pack("!I", sent))
        sent += 1
    except OSError:
        pass  # the error about another one
    hear()
end = time.monotonic() + 60
while len(came) < sent and time.monotonic() < end:
    time.sleep(0.01)
    hear()
print(json.dumps({"sent": sent, **collections.Counter(came.values())}))
"""


def older(deb, directory):
    """The same package, of a version before it."""
    tree, result = directory / "tree", directory / "older.deb"
    subprocess.run(["dpkg-deb", "-R", deb, tree], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(control.read_text().replace("\nVersion: ", "\nVersion: 0~"))
    subprocess.run(["dpkg-deb", "-b", tree, result], check=True, stdout=subprocess.DEVNULL)
    return result


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    if os.geteuid() != 0:
        pytest.skip("booting systemd needs root")
    if not DEB:
        pytest.skip("ICMPNATD_DEB does not name a package")

    def put_packages(root):
        (root / "packages").mkdir()
        shutil.copy(DEB, root / "packages/new.deb")
        shutil.copy(older(DEB, tmp_path_factory.mktemp("older")), root / "packages/old.deb")

    try:
        machine = Machine(put_packages)
    except Unavailable as reason:
        pytest.skip(f"no systemd can be booted here: {reason}")
    machine.run("rm", "-f", "/usr/sbin/policy-rc.d")  # of a container: nothing is started
    machine.run("sh", "-c", NETWORK)
    yield machine
    machine.close()


def dpkg(machine, *arguments):
    return machine.run("dpkg", *arguments).stdout


@pytest.fixture
def installed(machine):
    """The older package, and nothing else was done."""
    dpkg(machine, "-i", "/packages/old.deb")
    yield
    dpkg(machine, "--purge", "icmpnatd")


def state(machine, unit):
    enabled = machine.run("systemctl", "is-enabled", unit, check=False).stdout.strip()
    return enabled, machine.show(unit, "ActiveState")["ActiveState"]


@pytest.fixture
def started(machine, installed):
    """As the README says. Where nft cannot queue, the rules come with the other unit."""
    units, rules = [UNIT], ""
    if not can_hold_rules():
        units, rules = [RULES_UNIT, UNIT], 'rules = "external";'
        machine.put(f"run/systemd/system/{RULES_UNIT}.d/test.conf", "[Service]\nEnvironment=KIND=mixed\n")
    machine.put("etc/icmpnatd/icmpnatd.conf", rules + CONFIG)
    machine.run("icmpnatd", "--check")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "enable", "--now", *units)
    return units


def received(machine):
    counters = machine.json("icmpnatctl", "stats", "--all", "--json")["counters"]
    return {(c["group"], c["name"]): c["value"] for c in counters}["queue", "received"]


@contextlib.contextmanager
def stream(machine):
    """Errors, one after the other; afterwards in the dictionary how many were sent, and had which source."""
    heard = {}
    client = machine.start("ip", "netns", "exec", "out", "/usr/bin/python3", "-c", STREAM)
    wait_until(lambda: received(machine) > 100, "the stream")
    try:
        yield heard
        before = received(machine)
        wait_until(lambda: received(machine) > before + 100, "more of the stream")
        heard.update(json.loads(client.communicate()[0]))
    finally:
        client.kill()
        client.wait()


def exists(machine, path):
    return machine.run("test", "-e", path, check=False).returncode == 0


def test_it_names_the_libraries_that_it_loads():
    """Which no tool sees, for the program is not linked with them."""
    if not DEB:
        pytest.skip("ICMPNATD_DEB does not name a package")
    fields = subprocess.check_output(["dpkg-deb", "-f", DEB, "Depends", "Recommends"], text=True)
    depends, recommends = fields.splitlines()
    assert "libnftables1" in depends and "libpcap0.8" in recommends


def test_it_starts_nothing_before_it_is_configured(machine, installed):
    for package in "old", "new":
        dpkg(machine, "-i", f"/packages/{package}.deb")
        assert [state(machine, unit) for unit in (UNIT, RULES_UNIT)] == [("disabled", "inactive")] * 2
    assert machine.run("systemctl", "list-units", "--failed", "--no-legend", "icmpnatd*").stdout == ""
    assert machine.run("id", "-u", "icmpnatd").stdout.strip().isdigit()
    assert machine.run("icmpnatd", "--check", check=False).returncode == 78


def test_the_profile_is_in_force_at_the_next_start(machine, installed):
    machine.run("apparmor_parser", "--skip-kernel-load", "--skip-cache", "/etc/apparmor.d/usr.sbin.icmpnatd")
    assert exists(machine, "/etc/apparmor.d/local/usr.sbin.icmpnatd")


def test_an_upgrade_leaves_no_error_private(machine, started):
    process = machine.show(UNIT, "MainPID")["MainPID"]
    with stream(machine) as heard:
        dpkg(machine, "-i", "/packages/new.deb")
        assert machine.show(UNIT, "MainPID")["MainPID"] != process
    assert heard == {"sent": heard["sent"], "198.51.100.1": heard["sent"]}


def test_an_upgrade_starts_nothing_that_was_stopped(machine, started):
    machine.run("systemctl", "disable", "--now", *started)
    dpkg(machine, "-i", "/packages/new.deb")
    assert [state(machine, unit) for unit in started] == [("disabled", "inactive")] * len(started)


def test_what_is_installed_is_tested_in_place_of_a_build(machine, installed):
    """By "./check --installed", which is the package's autopkgtest; here one part of it."""
    with machine.start("sh", "-c", f"cd {TOP} && exec ./check --installed control") as check:
        said = check.communicate()[0]
    assert check.returncode == 0 and re.search(r"^\d\d+ passed, 0 failed", said, re.M), said


def test_a_removal_keeps_the_configuration_alone(machine, started):
    files = dpkg(machine, "-L", "icmpnatd").split()
    dpkg(machine, "-r", "icmpnatd")
    kept = [file for file in files if machine.run("test", "-f", file, check=False).returncode == 0]
    assert sorted(kept) == ["/etc/apparmor.d/usr.sbin.icmpnatd", "/etc/icmpnatd/icmpnatd.conf"]
    assert "icmpnatd" not in machine.run("nft", "list", "ruleset").stdout.lower()
    assert not exists(machine, "/run/icmpnatd")
    assert machine.run("pgrep", "-x", "icmpnatd", check=False).stdout == ""


def traces(machine):
    return sorted(machine.run("find", "/etc", "/var/lib", "/var/cache", "-iname", "*icmpnatd*").stdout.splitlines())


@pytest.fixture
def before(machine):
    """What this system, of which the machine is a view, had of such a name: no package has put it there."""
    return traces(machine)


def test_a_removal_ends_what_a_killed_daemon_has_left(machine, installed):
    """The kernel keeps its tables, and no unit removes them; here a stand-in has made them."""
    machine.run("nft", "table ip icmpnatd { chain c { }; }")
    dpkg(machine, "-i", "/packages/new.deb")
    assert "icmpnatd" in machine.run("nft", "list", "tables").stdout
    dpkg(machine, "-r", "icmpnatd")
    assert "icmpnatd" not in machine.run("nft", "list", "tables").stdout


def test_a_purge_keeps_nothing(machine, before, started):
    dpkg(machine, "--purge", "icmpnatd")
    assert traces(machine) == before
