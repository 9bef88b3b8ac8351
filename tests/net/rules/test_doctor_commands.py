# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Each command that icmpnatctl doctor prints is run as it stands, and mends what it says: the complaint is gone then.
One that shows something shows what the sentence is about. What is not here, or must not be changed here, has a stand-in
in PATH that does as much of it as the host needs.

   ill host -> doctor -> its command, word for word -> doctor: nothing to complain of
"""

import contextlib
import json
import os
import pty
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lab.client import TIMED_OUT, udp, wait_until
from lab.daemon import MAPS, configuration, kernel_has_nft_queue
from lab.network import FAMILIES, V4, V6
from patient import confined, examination, retold

SOURCES = Path(__file__).parents[3]


@contextlib.contextmanager
def configured(patient, *maps, **settings):
    """The daemon with another configuration, and the rules that go with it."""
    patient.reconfigure(configuration(*maps, control=patient.daemon.socket, **settings))
    try:
        yield
    finally:
        patient.reconfigure(configuration(control=patient.daemon.socket))


@contextlib.contextmanager
def shown_by(host, command):
    """Runs a command that goes on until it is ended, on a terminal; yields what reads all that it has shown."""
    terminal, end = pty.openpty()
    shown = bytearray()

    def take():
        with contextlib.suppress(BlockingIOError):
            while True:
                shown.extend(os.read(terminal, 4096))
        return shown.decode()

    os.set_blocking(terminal, False)
    process = host.start(["sh", "-c", command], stdout=end, stderr=end, start_new_session=True)
    try:
        yield take
    finally:
        os.killpg(process.pid, 15)
        process.wait()
        os.close(terminal)
        os.close(end)


# --- the service

def test_unit():
    """The log that commands show is that of a unit of this name."""
    assert (SOURCES / "systemd/icmpnatd.service.in").exists() and (SOURCES / "systemd/icmpnatd-rules.service.in").exists()


def test_more_workers(patient):
    """The file has been changed, and the daemon not been restarted."""
    daemon = patient.daemon
    daemon.write(configuration(control=daemon.socket, queue="workers = 2;"))
    daemon.rules.load()
    try:
        patient.mend(patient.expect("queue", "of the 2 queues from number 0 on, 1 are bound"))
    finally:
        daemon.stop()
        daemon.write(configuration(control=daemon.socket))
        daemon.rules.load()
        daemon.start()


@pytest.mark.parametrize("counter, words", [("refused-permission", "were refused for want of"), ("refused-other", "were refused;")])
def test_verdicts_are_refused(patient, counter, words):
    """The one is gone with a restart, of the other the log tells."""
    with retold(patient.daemon, lambda line: line.replace(f"verdict\t{counter}\t0\t0", f"verdict\t{counter}\t0\t7")) as path:
        finding, = patient.complaints("-s", path)
    assert (finding["check"], finding["state"]) == ("counters", "problem") and f"7 verdicts {words}" in finding["sentence"]
    before = patient.daemon.process
    patient.stand_in("journalctl")
    patient.follow(finding)
    assert (patient.daemon.process != before) == (counter == "refused-permission")
    assert patient.complaints() == []


def test_queue_is_full(patient):
    """Whether it still grows, shows what the client watches."""
    waits = iter(range(1000))

    def tell(line):
        return re.sub(r"^(kernel\tqueue-dropped\t0\t)0$", lambda match: f"{match[1]}{7 + next(waits)}", line)

    with retold(patient.daemon, tell) as path:
        finding, = patient.complaints("-s", path)
        assert (finding["check"], finding["state"]) == ("counters", "note") and "found the queue full" in finding["sentence"]
        with shown_by(patient.host, f"PATH={patient.programs}:$PATH; {finding['mend']}") as shown:
            wait_until(lambda: re.search(r"kernel +queue-dropped +\d+ +\+1 ", shown()), "a greater counter")


def test_leaks(network, patient):
    """What leaves shows which address has no map."""
    try:
        with configured(patient, MAPS[1:]):
            udp(network.client, V4.plain_rejected, timeout=0)
            wait_until(lambda: patient.daemon.stats()["rules", "leaked-outer"] > 0, "an error that leaks")
            finding, = [f for f in patient.complaints() if f["check"] == "counters"]
            assert "1 errors left from a private address that no map covers" in finding["sentence"], finding
            with shown_by(patient.host, finding["mend"]) as shown:
                wait_until(lambda: "listening on eth0" in shown(), "tcpdump")
                udp(network.client, V4.plain_rejected, timeout=0)
                wait_until(lambda: f"IP {V4.firewall} > {V4.client}: ICMP" in shown(), "the address")
    finally:
        patient.daemon.rules.unload()  # with its counters
        patient.daemon.rules.load()


def test_not_needed(network, patient):
    """Where routes do it already."""
    patient.host.run(f"ip route replace default via {V4.router_inner} src {V4.public}")
    patient.host.run(f"ip -6 route replace default via {V6.router_inner} src {V6.public}")
    try:
        with configured(patient, [(f.firewall, f.public) for f in FAMILIES]):
            found = patient.complaints()
            assert [(f["check"], f["state"]) for f in found] == [("need", "note")], found
            finding, = found
            patient.follow(finding)
            assert patient.daemon.process is None
            assert [udp(network.client, f.plain_rejected).offender for f in FAMILIES] == [f.public for f in FAMILIES]
            patient.daemon.start()
    finally:
        patient.host.run(f"ip route replace default via {V4.router_inner}; ip -6 route replace default via {V6.router_inner}")


# --- programs, modules, rights

def test_modules():
    """A module that is to be loaded is one of this kernel. (What doctor says without it, needs a kernel without it.)"""
    sources = "".join(path.read_text() for path in (SOURCES / "src").glob("*/*.c"))
    names = set(re.findall(r'(?:"modprobe|no module|load|load the module) (tun|nf\w+)', sources))
    assert {"tun", "nfnetlink_queue", "nf_conntrack_netlink", "nft_queue", "nft_dup_ipv4"} <= names, names
    known = Path("/lib/modules", os.uname().release)
    if not (known / "modules.dep").exists():
        pytest.skip(f"there is no {known}/modules.dep")
    modules = {re.sub(r"\.ko.*", "", os.path.basename(line.partition(":")[0])).replace("-", "_")
               for name in ("modules.dep", "modules.builtin") for line in (known / name).read_text().splitlines()}
    assert names <= modules


def within(patient, tmp_path, before):
    """What is found in a mount namespace in which a command has taken something away, and what is found there once the
    command of the first finding has run."""
    doctor = f"icmpnatctl -s {patient.daemon.socket} doctor --config {patient.daemon.path} --json"
    first = "python3 -c 'import json; print(json.load(open(\"before\"))[0][\"mend\"])'"
    patient.host.run("unshare", "--mount", "sh", "-ec", f"""cd {tmp_path}; PATH={patient.programs}:$PATH; {before}
        {doctor} >before || {first} >mend; . ./mend; {doctor} >after || true""")
    return [complaints_in((tmp_path / name).read_text()) for name in ("before", "after")]


def complaints_in(text):
    return [f for f in json.loads(text)[:-1] if f["state"] != "ok"]


def test_module_tun(patient, tmp_path):
    patient.stand_in("modprobe", '[ "$1" != tun ] || { mknod /dev/net/tun c 10 200; >/sys/class/misc/tun; }')
    (first, *_), after = within(patient, tmp_path, "mount -t tmpfs none /dev/net; mount -t tmpfs none /sys/class/misc")
    assert first["check"] == "twin" and "there is no /dev/net/tun" in first["sentence"], first
    assert patient.calls() == ["modprobe tun"] and after == []


@pytest.fixture(params=["nft", "iptables-nft-save"])
def lacking(patient, tmp_path, request):
    """The programs of the host but one, and an apt-get that brings what the system says that a package has."""
    for directory in "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin":
        for entry in os.scandir(directory):
            if entry.name != request.param and not os.path.lexists(tmp_path / entry.name):
                (tmp_path / entry.name).symlink_to(entry.path)
    (tmp_path / "apt-get").unlink(missing_ok=True)
    (tmp_path / "apt-get").write_text(f"""#!/bin/sh
        [ "$1" = install ] && for f in $(dpkg -L "$2" | grep /s*bin/); do [ -e {tmp_path}/${{f##*/}} ] ||
        ln -s $f {tmp_path}; done""")
    (tmp_path / "apt-get").chmod(0o755)
    if patient.host.run("dpkg -L nftables iptables", check=False).returncode:
        pytest.skip("no package of Debian brought nft and iptables here")
    return tmp_path


def test_package(patient, lacking):
    """nft warns of a table that iptables alone can read."""
    look = ["env", f"PATH={lacking}"]
    patient.host.run("iptables-nft -I OUTPUT -p tcp -m length --length 5:9 -j DROP")
    try:
        first = confined(patient, look)[0]
        assert (first["check"], first["state"]) == ("twin", "unknown") and "apt-get install" in first["mend"], first
        listed = patient.host.run(f"PATH={lacking}; {first['mend']}").stdout
        assert "iptables" not in first["mend"] or "--length 5:9" in listed
        assert {f["state"] for f in confined(patient, look)} == {"ok"}
    finally:
        patient.host.run("iptables-nft -D OUTPUT 1")


def test_as_many_namespaces_as_there_may_be(patient, tmp_path):
    """In a user namespace, which may have none of its own."""
    script = f"""echo 0 >/proc/sys/user/max_net_namespaces; PATH={patient.programs}:$PATH
        doctor='icmpnatctl -s /nowhere doctor --config {patient.daemon.path} --json'
        $doctor; eval "$(cat {tmp_path}/mend)" >&2; sysctl -qw user.max_net_namespaces=9; $doctor"""
    (tmp_path / "mend").write_text(SHOW_NAMESPACES)
    done = patient.host.run("unshare", "--user", "--map-root-user", "--net", "sh", "-c", script, check=False)
    before, after = [complaints_in(text + "]") for text in done.stdout.split("]\n")[:-1]]
    finding, = [f for f in before if f["mend"] == SHOW_NAMESPACES]
    assert "there are as many network namespaces as the kernel allows" in finding["sentence"]
    assert "user.max_net_namespaces = 0" in done.stderr
    assert not any("there can be no twin" in f["sentence"] for f in after), after


SHOW_NAMESPACES = "sysctl user.max_net_namespaces # with -w and a greater number it allows more"


def test_from_outside_of_a_container(patient):
    """Which has no device for a twin, and files that are not those of the host."""
    apart = "mount -t tmpfs none /dev/net"
    finding = next(f for f in confined(patient, [], apart) if f["state"] == "unknown")
    inside = patient.host.start(["unshare", "--mount", "sh", "-c", f"{apart}; echo; exec sleep 600"], stdout=subprocess.PIPE)
    try:
        assert inside.stdout.read(1)
        command = finding["mend"].replace("PID", str(inside.pid))
        hidden = f"mount --move /run /mnt; mount -t tmpfs none /run; PATH={patient.programs}:$PATH".replace("/run/", "/mnt/")
        done = subprocess.run(["unshare", "--mount", "sh", "-c", f"{hidden}; {command}"], capture_output=True, text=True)
        assert done.stdout.endswith("ok      result            nothing is wrong\n"), done
    finally:
        inside.kill()
        inside.wait()


def test_no_rules_load(patient):
    """The refusal, with the line that it is about, shows where it can do no harm."""
    nft = shutil.which("nft")
    patient.stand_in("nft", f"""case "$*" in *-f*) ;; *) exec {nft} "$@";; esac
        text=$(cat); case $text in *'chain output'*icmp*) echo 'Error: Could not process rule: Not supported' >&2; exit 1;; esac
        echo "$text" | exec {nft} "$@" """)
    for program in "iptables", "ip6tables", "iptables-restore", "ip6tables-restore":
        patient.stand_in(program, "exit 1")
    try:
        found = complaints_in(patient.run(f"icmpnatctl -s {patient.daemon.socket} doctor --json", check=False).stdout)
        finding, = [f for f in found if f["check"] == "rules"]
        assert "refuses the capture rules (Error: Could not process rule: Not supported" in finding["sentence"], found
        assert "Not supported" in patient.run(finding["mend"], check=False).stderr
    finally:
        for program in "nft", "iptables", "ip6tables", "iptables-restore", "ip6tables-restore":
            os.unlink(f"{patient.programs}/{program}")
