# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""What icmpnatctl doctor prints to let errors pass is applied as it stands, mends what it says, and opens nothing:
the dropping chain may be called from the hooks of forwarded and of incoming packets, too.

   outside: forged error ---> forward --+
                                        +--> shared chain: drop
   firewall: its own error -> output  --+
"""

import contextlib
import json
import re

import pytest

import forged
from lab.client import udp
from lab.daemon import configuration, program
from lab.network import FAMILIES
from patient import examination

SHARED = """
table inet site {
    chain refuse {
        meta l4proto tcp reject with tcp reset
        reject with icmpx admin-prohibited
    }
    chain input {
        type filter hook input priority filter; policy accept;
        ct state invalid jump refuse
    }
    chain forward {
        type filter hook forward priority filter; policy accept;
        ct state invalid jump refuse
    }
    chain output {
        type filter hook output priority filter; policy accept;
        icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
        oifname "eth0" ct state { invalid, untracked } jump refuse
    }
}
"""
SHARED_BY_IPTABLES = """*filter
:REFUSE - [0:0]
-A INPUT -m conntrack --ctstate INVALID -j REFUSE
-A FORWARD -m conntrack --ctstate INVALID -j REFUSE
{but}-A OUTPUT -o eth0 -m conntrack --ctstate INVALID,UNTRACKED -j REFUSE
-A REFUSE -j DROP
COMMIT
"""
NEIGHBOURS = "".join(f"-A OUTPUT -p ipv6-icmp --icmpv6-type {kind} -j ACCEPT\n" for kind in (135, 136))
POSTROUTING = """
table inet site {
    chain drop_invalid {
        icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
        ct state { invalid, untracked } drop
    }
    chain postrouting {
        type filter hook postrouting priority mangle; policy accept;
        jump drop_invalid
    }
}
"""


def by_nft(patient, text):
    return patient.has_table("inet site", text)


@contextlib.contextmanager
def by_iptables(patient, kind):
    programs = f"iptables-{kind}", f"ip6tables-{kind}"
    for program, but in zip(programs, ("", NEIGHBOURS)):
        done = patient.host.run(f"{program}-restore", input=SHARED_BY_IPTABLES.format(but=but), check=False)
        if done.returncode:
            pytest.skip(f"{program}: {done.stderr}")
    try:
        yield
    finally:
        for program in programs:
            patient.host.run(f"{program} -F; {program} -X")


def assert_mended(network, patient, found):
    """Does as it is told, which lets pass what the firewall emits, and nothing that it forwards."""
    assert len(found) == len(FAMILIES)
    assert all("forward" not in f["mend"].lower() and "eth0" in f["mend"] for f in found)
    patient.mend(found)
    for family in FAMILIES:
        assert udp(network.client, family.plain_rejected).answer in ("refused", "prohibited")
        assert udp(network.client, family.stateless).answer in ("refused", "prohibited")
        assert not forged.reach_inside(network, family)


def test_forged_errors_pass_an_open_firewall(network, patient):
    """They are no better than they look."""
    for family in FAMILIES:
        assert forged.reach_inside(network, family) and forged.come_back(network, family)


def test_shared_chain(network, patient):
    with by_nft(patient, SHARED):
        assert_mended(network, patient, patient.expect("new-flow", "inet site refuse (called from output) drops"))


@pytest.mark.parametrize("kind", ["nft", "legacy"])
def test_shared_chain_of_iptables(network, patient, kind):
    with by_iptables(patient, kind):
        found = patient.expect("new-flow", "filter REFUSE (called from OUTPUT) drops")
        assert all(f"tables-{kind} -t filter -I OUTPUT -o eth0" in f["mend"] for f in found)
        assert_mended(network, patient, found)


def test_postrouting(network, patient):
    """What is forwarded passes there, too, even untracked, and back to where it came from: no rule is advised."""
    with by_nft(patient, POSTROUTING):
        before = patient.host.run("nft -s list ruleset").stdout
        found = patient.expect("new-flow", "inet site drop_invalid (called from postrouting) drops")
        assert len(found) == len(FAMILIES)
        for finding in found:
            assert "chain drop_invalid" in patient.host.run(finding["mend"]).stdout
            assert "# drop that in the hooks forward and output" in finding["mend"]
        assert patient.host.run("nft -s list ruleset").stdout == before


def test_postrouting_of_iptables(network, patient):
    """No rule there tells what is forwarded from what this host emits, so none is advised to let anything pass."""
    rule = "POSTROUTING -m conntrack --ctstate UNTRACKED,INVALID -j DROP"
    patient.host.run(f"iptables-nft -t mangle -A {rule}")
    try:
        finding, = patient.expect("new-flow", "ip mangle POSTROUTING drops")
        assert finding["mend"].startswith("iptables-nft -t mangle -S POSTROUTING # move that rule to FORWARD and OUTPUT")
        assert rule.replace("UNTRACKED,INVALID", "INVALID,UNTRACKED") in patient.host.run(finding["mend"]).stdout
    finally:
        patient.host.run(f"iptables-nft -t mangle -D {rule}")


def restart(patient, text):
    """The daemon with another configuration."""
    patient.daemon.stop()
    patient.daemon.write(text)
    patient.daemon.rules.load()
    patient.daemon.start()


def test_what_is_to_be_written(patient):
    """The names of a file and of what is to be written there, which is what mends it."""
    daemon = patient.daemon
    maps = [(f.stateless_inside, f.stateless) for f in FAMILIES]
    patient.reconfigure(configuration(maps, control=daemon.socket))
    try:
        found = [f for f in patient.complaints() if f["check"] == "new-flow"]
        written = [re.fullmatch(r'editor (\S+) # maps: { private = "(\S+)"; public = "..."; }', f["mend"]) for f in found]
        assert [w.groups() for w in written] == [(daemon.path, f.firewall) for f in FAMILIES], found
        maps += [(w[2], family.public) for w, family in zip(written, FAMILIES)]
        restart(patient, configuration(maps, control=daemon.socket, more='mode = "audit";\n'))
        finding, = patient.complaints()
        assert finding["check"] == "daemon"
        assert finding["mend"].startswith(f'editor {daemon.path} # mode = "live"; ')
        restart(patient, configuration(maps, control=daemon.socket, more='mode = "live";\n'))
        assert patient.complaints() == []
    finally:
        restart(patient, configuration(control=daemon.socket))


def test_settings_of_the_kernel(patient, tmp_path):
    """A limit to errors, and a file that is not the daemon's."""
    other = tmp_path / "other.conf"
    other.write_text(configuration(control=patient.daemon.socket))
    patient.host.sysctl({"net.ipv4.icmp_ratemask": 0x1818, "net.ipv4.icmp_ratelimit": 1000})
    try:
        done = patient.daemon.ctl("doctor", "--json", "--config", str(other), check=False)
        found = {f["check"]: f for f in examination(done) if f["state"] != "ok"}
        assert {check: f["state"] for check, f in found.items()} == {"daemon": "note", "rate": "note"}
        patient.host.run(found["rate"]["mend"])
        finding, = [f for f in examination(patient.run(found["daemon"]["mend"] + " --json", check=False)) if f["state"] != "ok"]
        assert (finding["check"], "one IPv4 error in 100 ms" in finding["sentence"]) == ("rate", True)
    finally:
        patient.host.sysctl({"net.ipv4.icmp_ratemask": 0, "net.ipv4.icmp_ratelimit": 1000})


def test_wiped_by_a_firewall_restart(patient, tmp_path):
    """As on Debian with nftables.service enabled, in a mount namespace of its own. What loads the rules again is told
    their kind: this kernel might refuse another."""
    (tmp_path / "nftables.conf").write_text("#!/usr/sbin/nft -f\nflush ruleset\n")
    (tmp_path / "systemctl").write_text('#!/bin/sh\n[ "$1" != enable ] || { cd /etc/systemd/system && '
                                        'mkdir icmpnatd.service.wants && >icmpnatd.service.wants/$3.service; }\n')
    (tmp_path / "systemctl").chmod(0o755)
    doctor = f"{program('icmpnatctl')} -s {patient.daemon.socket} doctor --json"
    mend = "python3 -c 'import json; print(*[f[\"mend\"] for f in json.load(open(\"before\"))], sep=\"\\n\")' | sh -e"
    script = f"""cd {tmp_path}; PATH={tmp_path}:$PATH; units=/etc/systemd/system
        mount -t tmpfs none $units && mkdir $units/sysinit.target.wants && >$units/sysinit.target.wants/nftables.service
        mount --bind nftables.conf /etc/nftables.conf
        {doctor} >before; {mend}; {doctor} >after; cat $units/icmpnatd-rules.service.d/* >kind"""
    patient.host.run("unshare", "--mount", "sh", "-c", script, check=False)
    before, after = [[f["check"] for f in json.loads((tmp_path / name).read_text()) if f["state"] not in ("ok",)]
                     for name in ("before", "after")]
    assert before == ["reload", "result"] and after == []
    kind = patient.daemon.rules.kind
    assert (tmp_path / "kind").read_text() == ("" if kind == "nft" else f"[Service]\nEnvironment=KIND={kind}\n")
