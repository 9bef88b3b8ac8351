# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Under a real systemd the unit, as installed, starts with its own user and one capability, reloads, comes back when
it is killed, and leaves nothing behind.

Needs root, and in ICMPNATD_BUILD a build directory configured for /usr, /etc and /run, or / for what is installed.
"""

import json
import os
import subprocess
import time

import pytest

from lab.client import wait_until
from lab.daemon import NO_OWN_RULES, kernel_gives_owners
from lab.machine import Machine, Unavailable, can_hold_rules

UNIT = "icmpnatd.service"
CONFIG = """
outside = [ "lo" ];
maps = ( { private = "192.168.42.1"; public = "198.51.100.1"; } );
lookup = "always";  # what this machine sends to itself needs nothing, and is queued all the same
"""
RULES_UNIT = "icmpnatd-rules.service"
PATIENCE = int(os.environ.get("WATCHDOG", "1"))  # in seconds
# Impatient, for the test; but no number of attempts is too many.
DROP_IN = f"""
[Unit]
StartLimitIntervalSec=0
[Service]
WatchdogSec={PATIENCE}
"""
FIREWALL = """#!/usr/sbin/nft -f
flush ruleset
table inet site { chain input { type filter hook input priority filter; }; }
"""


def install(root):
    if os.environ["ICMPNATD_BUILD"] != "/":
        subprocess.run(["make", "-s", "-C", os.environ["ICMPNATD_BUILD"], "install", f"DESTDIR={root}"], check=True,
                       stdout=subprocess.DEVNULL)
    (root / "etc/icmpnatd").mkdir(exist_ok=True)
    (root / "etc/icmpnatd/icmpnatd.conf").write_text(CONFIG)
    drop_in = root / "etc/systemd/system" / (UNIT + ".d")
    drop_in.mkdir()
    (drop_in / "test.conf").write_text(DROP_IN)
    (root / "etc/nftables.conf").write_text(FIREWALL)


@pytest.fixture(scope="module")
def machine():
    if os.geteuid() != 0:
        pytest.skip("booting systemd needs root")
    if "ICMPNATD_BUILD" not in os.environ:
        pytest.skip("ICMPNATD_BUILD does not name a build directory")
    try:
        machine = Machine(install)
    except Unavailable as reason:
        pytest.skip(f"no systemd can be booted here: {reason}")
    machine.run("systemd-sysusers")
    before = denials(machine)
    yield machine
    denied = [line for line in denials(machine) if line not in before]
    machine.close()
    assert not denied, "\n".join(denied)


def denials(machine):
    """What the AppArmor profile has refused."""
    return [line for line in machine.run("dmesg", check=False).stdout.splitlines()
            if 'apparmor="DENIED"' in line and 'profile="icmpnatd"' in line]


@pytest.fixture
def service(machine):
    """The unit, started; its main process."""
    machine.run("systemctl", "start", UNIT)
    yield main_pid(machine)
    machine.run("systemctl", "stop", UNIT, check=False)
    machine.run("systemctl", "reset-failed", check=False)


def main_pid(machine):
    return int(machine.show(UNIT, "MainPID")["MainPID"])


def status_of(machine, pid):
    text = machine.run("cat", f"/proc/{pid}/status").stdout
    return {key: value.split() for key, value in (line.split(":", 1) for line in text.splitlines())}


def has_rules(machine):
    return "table ip icmpnatd" in machine.run("nft", "list", "tables").stdout


def need_owners(machine):
    if not kernel_gives_owners(machine):
        pytest.skip("this kernel gives tables no owner (it is older than 5.12)")


def test_it_is_started_when_it_says_so(machine, service):
    shown = machine.show(UNIT, "ActiveState", "StatusText", "Type")
    assert shown == {"ActiveState": "active", "StatusText": "queue 0, workers: 1, maps: 1", "Type": "notify"}
    assert has_rules(machine) == can_hold_rules()
    status = machine.run("icmpnatctl", "status", check=False)
    assert "maps:           1, " in status.stdout
    assert status.returncode == (0 if can_hold_rules() else 3)  # nobody has loaded external rules


def test_it_may_do_no_more_than_it_must(machine, service):
    status = status_of(machine, service)
    user = machine.run("id", "-u", "icmpnatd").stdout.strip()
    net_admin = f"{1 << 12:016x}"
    assert status["Uid"] == [user] * 4
    assert [status[c] for c in ("CapPrm", "CapEff", "CapBnd")] == [[net_admin]] * 3
    assert (status["NoNewPrivs"], status["Seccomp"]) == (["1"], ["2"])


def test_its_apparmor_profile_is_in_force(machine, service):
    """Where somebody has loaded it: all tests of this file run under it then, and it must refuse nothing."""
    profile = machine.run("cat", f"/proc/{service}/attr/current", check=False).stdout.strip("\n\0")
    if profile in ("", "unconfined") and os.environ.get("APPARMOR") != "loaded":
        pytest.skip("this kernel has no AppArmor, or nobody has loaded the profile")
    assert profile == "icmpnatd (enforce)"


def test_this_kernel_has_been_proven(machine, service):
    """As root, but behind the unit's other restrictions."""
    need_owners(machine)
    answer = machine.run("cat", "/run/icmpnatd/proof").stdout
    assert answer == "this kernel changes what errors quote as the daemon does\n"
    assert machine.run("setpriv", "--reuid=icmpnatd", "--regid=icmpnatd", "--clear-groups", "cat",
                       "/run/icmpnatd/proof").stdout == answer


def test_the_kernels_counters_are_there(machine, service):
    counters = machine.json("icmpnatctl", "stats", "--all", "--json")["counters"]
    assert "kernel" in {counter["group"] for counter in counters}


def test_the_journal_has_nothing_to_complain_of(machine, service):
    lines = machine.run("journalctl", "-b", "-o", "cat", "_PID=" + str(service)).stdout.splitlines()
    if not can_hold_rules():
        assert lines.pop(0).startswith("no capture rules of our own")
    assert lines == ["started on queue 0, workers: 1, maps: 1"]


def test_the_group_may_read_and_others_may_not(machine, service):
    def ctl(*who):
        return machine.run("setpriv", "--clear-groups", *who, "icmpnatctl", "stats", check=False).returncode
    assert ctl("--reuid", "nobody", "--regid", "icmpnatd") == 0
    assert ctl("--reuid", "nobody", "--regid", "nogroup") == 1


def test_a_reload_keeps_the_process(machine, service):
    more = CONFIG.replace(");", ', { private = "192.168.42.2"; public = "198.51.100.2"; } );')
    write(machine, more)
    machine.run("systemctl", "reload", UNIT)
    assert machine.show(UNIT, "StatusText")["StatusText"].endswith("maps: 2")
    assert main_pid(machine) == service
    write(machine, "outside = 5;")
    assert machine.run("systemctl", "reload", UNIT, check=False).returncode != 0
    assert machine.show(UNIT, "ActiveState", "StatusText")["StatusText"].endswith("maps: 2")
    assert main_pid(machine) == service
    write(machine, CONFIG)


def write(machine, text):
    machine.put("etc/icmpnatd/icmpnatd.conf", text)


@pytest.mark.parametrize("line, status", [("", "78"), ("--nonsense", "2")], ids=["file", "options"])
def test_what_only_people_can_mend_is_a_failed_start_and_not_tried_again(machine, line, status):
    """Until somebody has mended it."""
    drop_in = "etc/systemd/system/" + UNIT + ".d/options.conf"
    if line:
        machine.put(drop_in, f"[Service]\nExecStart=\nExecStart=/usr/sbin/icmpnatd {line}\n")
        machine.run("systemctl", "daemon-reload")
    write(machine, "outside = 5;")
    try:
        assert machine.run("systemctl", "start", UNIT, check=False).returncode != 0
        shown = machine.show(UNIT, "ActiveState", "Result", "NRestarts", "ExecMainStatus")
        assert shown == {"ActiveState": "failed", "Result": "exit-code", "NRestarts": "0", "ExecMainStatus": status}
        assert not has_rules(machine)
    finally:
        write(machine, CONFIG)
        machine.put(drop_in, "")
        machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "start", UNIT)
    machine.run("systemctl", "stop", UNIT)


def test_a_queue_that_is_taken_is_tried_again(machine):
    machine.put("run/other.conf", CONFIG + 'rules = "external"; control = { socket = "/run/other"; group = ""; };')
    machine.run("cp", "/usr/sbin/icmpnatd", "/run/other-icmpnatd")  # the AppArmor profile knows no such file
    with machine.start("/run/other-icmpnatd", "--config", "/run/other.conf"):
        wait_until(lambda: machine.run("icmpnatctl", "-s/run/other", "stats", check=False).returncode == 0, "the other")
        assert machine.run("systemctl", "start", UNIT, check=False).returncode != 0
        wait_until(lambda: int(machine.show(UNIT, "NRestarts")["NRestarts"]) > 1, "it to be started again")
        status = machine.run("icmpnatctl", "-s/run/other", "status", "--json", check=False).stdout
        pid = json.loads(status)["pid"]
        machine.run("kill", str(pid))
    wait_until(lambda: machine.show(UNIT, "ActiveState")["ActiveState"] == "active", "it to be active")
    machine.run("systemctl", "stop", UNIT)
    machine.run("systemctl", "reset-failed", UNIT, check=False)


@pytest.mark.parametrize("signal", ["KILL", "SEGV"])
def test_it_comes_back_when_it_is_killed(machine, service, signal):
    machine.run("kill", f"-{signal}", str(service))
    wait_until(lambda: main_pid(machine) not in (0, service), "it to run again")
    wait_until(lambda: machine.show(UNIT, "ActiveState")["ActiveState"] == "active", "it to be active")
    assert has_rules(machine) == can_hold_rules()


def test_the_watchdog_ends_a_hang(machine, service):
    machine.run("kill", "-STOP", str(service))
    wait_until(lambda: main_pid(machine) not in (0, service), "it to run again")
    wait_until(lambda: machine.show(UNIT, "ActiveState")["ActiveState"] == "active", "it to be active")


def test_an_idle_daemon_is_not_taken_for_hung(machine, service):
    time.sleep(3 * PATIENCE)
    assert main_pid(machine) == service


# Sends numbered datagrams to a port where nothing listens, one after the other, until standard input
# ends; each must be answered by one error, which the kernel rejects and the daemon may have translated.
FLOOD = """
import socket, struct, sys, threading, time
running = True
def wait():
    global running
    sys.stdin.read()
    running = False
threading.Thread(target=wait).start()
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, 11, 1)  # IP_RECVERR
s.setsockopt(socket.SOL_SOCKET, 33, 1 << 22)  # SO_RCVBUFFORCE: what the queue held comes all at once
s.connect(("198.51.100.9", 9))
sent, came = 0, set()
def hear():
    while True:
        try:
            came.add(struct.unpack("!I", s.recvmsg(4, 512, socket.MSG_ERRQUEUE | socket.MSG_DONTWAIT)[0])[0])
        except BlockingIOError:
            return
while running:
    try:
        s.send(struct.pack("!I", sent))
        sent += 1
    except ConnectionRefusedError:
        pass
    hear()
    time.sleep(0.005)
end = time.monotonic() + 60
while len(came) < sent and time.monotonic() < end:
    time.sleep(0.01)
    hear()
print(sent, len(came))
"""


def queue_owner(machine):
    """The port of the socket that has the queue; None if nobody has it."""
    lines = machine.run("cat", "/proc/net/netfilter/nfnetlink_queue").stdout.split()
    return lines[1] if lines else None


@pytest.fixture
def flooded(machine, external):
    """The unit serves errors that this machine sends to itself."""
    machine.run("ip", "addr", "add", "198.51.100.9/32", "dev", "lo")
    before, flood = received(machine), machine.start("/usr/bin/python3", "-c", FLOOD)
    wait_until(lambda: received(machine) > before + 100, "the flood")
    yield flood
    flood.kill()
    flood.wait()
    machine.run("ip", "addr", "del", "198.51.100.9/32", "dev", "lo")


def assert_none_was_lost(flood):
    sent, came = map(int, flood.communicate()[0].split())
    assert sent > 100 and came == sent


def received(machine):
    counters = machine.json("icmpnatctl", "stats", "--all", "--json")["counters"]
    return {(c["group"], c["name"]): c["value"] for c in counters}["queue", "received"]


def test_a_restart_keeps_the_queue_and_its_packets(machine, flooded):
    owner, process = queue_owner(machine), main_pid(machine)
    before = received(machine)
    assert before > 0
    for _ in range(3):
        machine.run("systemctl", "restart", UNIT)
    assert main_pid(machine) != process
    assert queue_owner(machine) == owner
    assert received(machine) > before
    assert_none_was_lost(flooded)


def test_a_crash_keeps_the_queue_and_loses_no_packet(machine, flooded):
    owner, process = queue_owner(machine), main_pid(machine)
    machine.run("kill", "-KILL", str(process))
    wait_until(lambda: main_pid(machine) not in (0, process), "it to run again")
    wait_until(lambda: machine.show(UNIT, "ActiveState")["ActiveState"] == "active", "it to be active")
    assert queue_owner(machine) == owner
    assert_none_was_lost(flooded)


def test_an_upgrade_under_the_unit(machine, flooded):
    owner, process = queue_owner(machine), main_pid(machine)
    assert "has taken over" in machine.run("icmpnatctl", "upgrade").stdout
    assert (queue_owner(machine), main_pid(machine)) == (owner, process)
    assert machine.show(UNIT, "ActiveState", "SubState") == {"ActiveState": "active", "SubState": "running"}
    assert_none_was_lost(flooded)


def test_a_stop_loses_no_packet_and_keeps_nothing(machine, flooded):
    machine.run("systemctl", "stop", UNIT)
    assert queue_owner(machine) is None
    assert machine.show(UNIT, "NFileDescriptorStore")["NFileDescriptorStore"] == "0"
    assert_none_was_lost(flooded)


def test_a_restart_with_a_bad_file_loses_no_packet(machine, flooded):
    """It cannot start, and what comes passes by."""
    write(machine, "outside = 5;")
    assert machine.run("systemctl", "restart", UNIT, check=False).returncode != 0
    assert queue_owner(machine) is None
    assert_none_was_lost(flooded)
    machine.run("systemctl", "stop", UNIT)
    machine.run("systemctl", "reset-failed", UNIT, RULES_UNIT, check=False)
    machine.run("sh", "-c", "icmpnatd --print-rules=none | sh")  # a unit that has failed does not stop


def test_it_leaves_nothing_behind(machine, service):
    machine.run("systemctl", "stop", UNIT)
    assert not has_rules(machine)
    assert "ICMPNATD" not in machine.run("iptables-save").stdout + machine.run("ip6tables-save").stdout
    assert machine.run("ls", "/run/icmpnatd", check=False).returncode != 0
    assert machine.show(UNIT, "Result")["Result"] == "success"


@pytest.mark.parametrize("verb", ["restart", "reload"])
def test_a_change_of_the_firewall_does_not_disarm_own_rules(machine, service, verb):
    if not can_hold_rules():
        pytest.skip(NO_OWN_RULES)
    machine.run("systemctl", "start", "nftables.service")
    machine.run("systemctl", verb, "nftables.service")
    assert has_rules(machine)
    assert "inet site" in machine.run("nft", "list", "tables").stdout


@pytest.fixture
def external(machine):
    """The rules come with a unit of their own, in a kind that every kernel can load."""
    write(machine, 'rules = "external";' + CONFIG)
    machine.put(f"etc/systemd/system/{RULES_UNIT}.d/test.conf", "[Service]\nEnvironment=KIND=mixed\n")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "enable", RULES_UNIT)
    machine.run("systemctl", "start", UNIT)
    yield
    machine.run("systemctl", "stop", UNIT)
    machine.run("systemctl", "disable", RULES_UNIT)
    write(machine, CONFIG)


def has_chain(machine):
    return "ICMPNATD" in machine.run("iptables", "-t", "mangle", "-S", "OUTPUT").stdout


def test_rules_that_the_daemon_holds_are_in_the_way_of_others(machine):
    """A stand-in holds the table, for which no kernel needs a queue."""
    need_owners(machine)
    with machine.start("nft", "--interactive") as holder:
        holder.stdin.write("add table ip icmpnatd { flags owner; }\n")
        holder.stdin.flush()
        wait_until(lambda: has_rules(machine), "the table")
        assert machine.run("systemctl", "start", RULES_UNIT, check=False).returncode != 0
        machine.run("journalctl", "--sync")
        invocation = machine.show(RULES_UNIT, "InvocationID")["InvocationID"]
        said = machine.run("journalctl", "-o", "cat", "_TRANSPORT=stdout", "_SYSTEMD_INVOCATION_ID=" + invocation).stdout
        holder.stdin.close()
    machine.run("systemctl", "reset-failed", RULES_UNIT)
    assert said.splitlines() == ["the daemon still holds its own tables: with rules = \"external\" in its file, "
                                 "restart icmpnatd first"]


def test_a_restart_makes_own_rules_external(machine, service):
    """And no second one is needed."""
    if not can_hold_rules():
        pytest.skip(NO_OWN_RULES)
    write(machine, 'rules = "external";' + CONFIG)
    machine.put(f"etc/systemd/system/{RULES_UNIT}.d/test.conf", "")
    machine.run("systemctl", "daemon-reload")
    try:
        assert machine.run("systemctl", "enable", "--now", RULES_UNIT, check=False).returncode != 0
        machine.run("systemctl", "restart", UNIT)
        assert machine.show(RULES_UNIT, "ActiveState")["ActiveState"] == "active"
        assert "flags owner" not in machine.run("nft", "list", "table", "ip", "icmpnatd").stdout
        machine.run("icmpnatctl", "status")
    finally:
        machine.run("systemctl", "disable", "--now", RULES_UNIT)
        write(machine, CONFIG)
    machine.run("systemctl", "restart", UNIT)
    assert "flags owner" in machine.run("nft", "list", "table", "ip", "icmpnatd").stdout


@pytest.mark.parametrize("verb", ["restart", "reload"])
def test_external_rules_come_back_after_a_change_of_the_firewall(machine, external, verb):
    assert has_rules(machine) and has_chain(machine)
    machine.run("systemctl", "start", "nftables.service")
    machine.run("systemctl", verb, "nftables.service")
    wait_until(lambda: has_rules(machine) and has_chain(machine), "the rules to be back")
    machine.run("systemctl", "stop", UNIT)
    wait_until(lambda: not has_rules(machine) and not has_chain(machine), "the rules to be gone")


def test_iptables_alone_can_load_them(machine, external):
    """The unit may do as much as that takes: its lock, its older sockets."""
    machine.put(f"etc/systemd/system/{RULES_UNIT}.d/test.conf", "[Service]\nEnvironment=KIND=iptables\n")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", RULES_UNIT)
    assert has_chain(machine)
