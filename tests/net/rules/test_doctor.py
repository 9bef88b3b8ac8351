# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""icmpnatctl doctor finds nothing wrong with a healthy firewall, names the fault that it is given and no
other, prints the command that mends it, and changes nothing.

   firewall:  kernel <- rules <- icmpnatd      its twin, within doctor:  the same, with doctor's own packets
"""

import os
import re
import shutil

import pytest

from lab.daemon import MAPS, configuration, kernel_has_nft_queue, program
from lab.network import FAMILIES, V4
from patient import examination, retold

STRICT = """
table inet strict {{
    chain {hook} {{
        type filter hook {hook} priority {priority}; policy {policy};
        ct state established,related,new accept
        icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept
        {rule}
    }}
}}
"""


def without_dates(listings):
    """Nor the packets that chains of iptables have counted (1.8.11 does): the kernel tells its multicast groups."""
    return ["\n".join(re.sub(r" \[\d+:\d+\]$", "", line) for line in text.splitlines() if not line.startswith("#"))
            for text in listings]


def processes():
    return {entry for entry in os.listdir("/proc") if entry.isdigit()}


def test_healthy(patient):
    before, running = without_dates(patient.listings()), processes()
    findings = patient.examine()
    assert {f["state"] for f in findings} == {"ok"}, findings
    assert not any(f["mend"] for f in findings)
    assert without_dates(patient.listings()) == before
    assert processes() == running


def test_text_says_the_same(patient):
    """Of the file that the daemon runs with, if none is named."""
    findings, text = patient.examine(), patient.daemon.ctl("doctor").stdout
    *lines, result = [line.split(maxsplit=2) for line in text.splitlines()]
    assert lines == [[f["state"], f["check"], f["sentence"]] for f in findings]
    assert result == ["ok", "result", "nothing is wrong"]
    tried = [f["sentence"] for f in findings if f["check"] in ("new-flow", "established-flow")]
    assert len(tried) == 4
    for family in FAMILIES:
        end = f"leaves by eth0 from {family.public}"
        assert sum(f"IPv{family.version}" in s and s.endswith(end) for s in tried) == 2


def test_the_kernel_does_it(patient):
    """With the default of the setting kernel, what a client provokes here needs no queue, where there is no map for
    what is quoted."""
    patient.reconfigure(configuration([(f.firewall, f.public) for f in FAMILIES], kernel="auto",
                                      control=patient.daemon.socket))
    try:
        findings = patient.examine()
        assert {f["state"] for f in findings if f["check"] != "need"} == {"ok"}, findings  # a route would do it, too
        tried = [f["sentence"] for f in findings if f["check"] == "new-flow"]
        assert len(tried) == 2 and all("is left to the kernel" in sentence for sentence in tried), tried
    finally:
        patient.reconfigure(configuration(control=patient.daemon.socket))


def test_names_of_hops(patient):
    """The firewall's name in errors about connections of the kernel's NAT is nothing to complain of, nor are errors of
    others that it forwards."""
    more = 'hop_names = ( { address = "1.2.3.1"; }, { address = "2001:db8:1::1"; errors = "all"; } );\nerrors = "all";\n'
    patient.reconfigure(configuration(kernel="auto", control=patient.daemon.socket, more=more))
    try:
        findings = patient.examine()
        assert {f["state"] for f in findings} == {"ok"}, findings
    finally:
        patient.reconfigure(configuration(control=patient.daemon.socket))


def test_rules_missing(patient):
    patient.daemon.rules.unload()
    patient.mend(patient.expect("rules", "not loaded"))


def test_rules_of_the_daemon(patient):
    """Held by the daemon itself; what it loads is mended by its restart."""
    daemon = patient.daemon
    if not kernel_has_nft_queue(patient.host):
        pytest.skip("this kernel's nft has no queue")
    daemon.rules.unload()
    daemon.stop()
    daemon.write(configuration(control=daemon.socket, rules="own"))
    daemon.start()
    try:
        assert patient.complaints() == []
    finally:
        daemon.stop()
        daemon.write(configuration(control=daemon.socket))
        daemon.rules.load()
        daemon.start()


def test_rules_stale(patient):
    patient.host.run("nft flush table ip6 icmpnatd")
    patient.mend(patient.expect("rules", "not those"))


@pytest.mark.parametrize("hook, priority, policy, rule", [
    ("output", "filter", "drop", ""), ("output", "mangle - 1", "accept", "ct state untracked counter drop")])
def test_chain_drops(patient, undo, hook, priority, policy, rule):
    patient.host.nft(STRICT.format(hook=hook, priority=priority, policy=policy, rule=rule))
    undo("nft delete table inet strict")
    found = patient.expect("new-flow", f"inet strict {hook}", "the policy" if policy == "drop" else "a rule")
    assert len(found) == len(FAMILIES)
    patient.mend(found)


def test_first_chain_drops(patient, undo):
    """However early: the error itself, of which there is no copy yet."""
    patient.host.nft("table inet strict { chain output { type filter hook output priority -2000000000;"
                     " icmp type time-exceeded drop; icmpv6 type time-exceeded drop; }; }")
    undo("nft delete table inet strict")
    found = patient.expect("new-flow", "a rule of the chain inet strict output drops")
    assert len(found) == len(FAMILIES)
    patient.mend(found)


def test_slow_trace(patient, undo):
    """A busy host takes its time to start the program that tells which chain drops."""
    nft = shutil.which("nft")
    patient.stand_in("nft", f'[ "$1" != monitor ] || sleep 4\nexec {nft} "$@"')
    patient.host.nft(STRICT.format(hook="output", priority="filter", policy="drop", rule=""))
    undo(f"nft delete table inet strict; rm {patient.programs}/nft")
    done = patient.run(f"icmpnatctl -s {patient.daemon.socket} doctor --json", check=False)
    found = [f for f in examination(done) if f["state"] != "ok"]
    assert len(found) == len(FAMILIES) and all("the policy of the chain inet strict output drops" in f["sentence"] for f in found), found


def test_two_chains_drop(patient, undo):
    """The second one shows as soon as the first one is mended, in the twin."""
    for hook in "output", "postrouting":
        patient.host.nft(STRICT.format(hook=hook, priority="mangle - 1", policy="drop", rule=""))
    undo("nft delete table inet strict")
    found = patient.expect("new-flow", "inet strict")
    assert [sum(f" {hook} " in f["sentence"] for f in found) for hook in ("output", "postrouting")] == [2, 2]
    for finding in found:
        patient.follow(finding)
    left = patient.expect("new-flow", "inet strict postrouting")  # no rule there would do (test_doctor_advice.py)
    assert len(left) == len(FAMILIES)


def test_iptables_drops(patient, undo):
    """A chain of iptables is mended by iptables."""
    patient.host.run("iptables -A OUTPUT -m conntrack --ctstate UNTRACKED -j DROP")
    undo("iptables -F OUTPUT")
    found = patient.expect("new-flow", "ip filter OUTPUT")
    assert len(found) == 1 and found[0]["mend"].startswith("for t in destination-unreachable time-exceeded parameter-problem; do iptables-nft -t filter -I OUTPUT ")
    patient.mend(found)


def test_not_running(patient):
    patient.daemon.stop()
    try:
        found = patient.expect("daemon", "no icmpnatd answers")
        assert found[0]["mend"] == "systemctl start icmpnatd"
        patient.mend(found)
    finally:
        patient.daemon.process or patient.daemon.start()


def test_daemon_brings_its_rules(patient):
    """Where none runs, and the rules are not external, its start is all that is asked for, if the kernel can."""
    daemon = patient.daemon
    daemon.rules.unload()
    daemon.stop()
    daemon.write(configuration(control=daemon.socket, rules="auto"))
    try:
        service, rules = patient.complaints()
        assert (service["check"], service["mend"], rules["check"]) == ("daemon", "systemctl start icmpnatd", "rules")
        if kernel_has_nft_queue(patient.host):
            assert rules["mend"] == service["mend"]
            patient.mend([service])
        else:
            patient.mend([service, rules])
    finally:
        if daemon.process:
            daemon.stop()
        daemon.write(configuration(control=daemon.socket))
        daemon.rules.load()
        daemon.start()


def test_mute(patient):
    """A process that holds the queue, but does not answer, is not to be started."""
    done = patient.host.run(program("icmpnatctl"), "-s", "/nowhere", "doctor", "--json", "-c", patient.daemon.path, check=False)
    finding, = [f for f in examination(done) if f["state"] != "ok"]
    assert finding["check"] == "daemon" and "does not answer on /nowhere, but its process" in finding["sentence"], finding
    assert "restart icmpnatd" in finding["mend"]


def test_mute_in_another_queue(patient):
    """The file that is looked at names more queues than the daemon holds, and others before them."""
    daemon = patient.daemon
    daemon.stop()
    daemon.write(configuration(queue="number = 1;", control=daemon.socket))
    daemon.start()
    try:
        daemon.write(configuration(queue="number = 0; workers = 2;", control=daemon.socket))
        done = patient.host.run(program("icmpnatctl"), "-s", "/nowhere", "doctor", "--json", "-c", daemon.path, check=False)
        finding, = [f for f in examination(done) if f["check"] == "daemon"]
        assert finding["sentence"].endswith("lives and holds queue 1") and "restart icmpnatd" in finding["mend"], finding
    finally:
        daemon.stop()
        daemon.write(configuration(control=daemon.socket))
        daemon.start()


def test_hung(patient):
    """What the daemon says of itself counts."""
    hung = "working\tno\nreason\ta worker hangs\n"
    with retold(patient.daemon, lambda line: hung if line.startswith("working") else line) as path:
        finding, = patient.complaints("-s", path)
    assert (finding["check"], finding["state"]) == ("daemon", "problem"), finding
    assert "does not work now: a worker hangs" in finding["sentence"]
    patient.stand_in("journalctl")
    log, restart = finding["mend"].split(" # if it lasts: ")
    patient.run(log)
    assert patient.calls() == ["journalctl -u icmpnatd"]
    patient.mend([{"mend": restart}])


def test_public_address_not_routed_here(patient, undo):
    """The other one is translated before it is routed."""
    patient.host.run(f"ip address del {V4.public}/32 dev lo; ip route del unreachable 1.2.3.0/24")
    undo("ip route replace unreachable 1.2.3.0/24; ip address replace 1.2.3.1/32 dev lo")
    found = patient.expect("addresses", "is not routed here", "eth0")
    assert {f["mend"].partition(" # ")[0] for f in found} == {f"ip address add {V4.public} dev lo"}
    patient.mend(found)


def test_policy_routing(patient, undo):
    """The kernel routes a packet again when its source was changed."""
    patient.host.run(f"ip route add default dev eth1 table 77; ip rule add from {V4.public} lookup 77")
    undo("ip route flush table 77; ip rule del lookup 77; ip rule del from 1.2.3.1 lookup main")
    found = patient.expect("new-flow", "by eth1 once its source is 1.2.3.1, not by eth0")
    assert len(found) == 1
    patient.mend(found)


def test_strict_reverse_path(patient, undo):
    """The dmz as a second uplink."""
    patient.host.sysctl({"net.ipv4.conf.eth0.rp_filter": 1})
    undo("sysctl -w net.ipv4.conf.eth0.rp_filter=0")
    undo("ip route del default metric 2000; ip -6 route del default metric 2000")
    assert patient.complaints() == []  # right for one uplink
    patient.host.run("ip route add default via 192.168.1.10 metric 2000; "
                     "ip -6 route add default via fd00:1::10 metric 2000")
    maps = MAPS + [(f.firewall_dmz, f.public) for f in FAMILIES]
    patient.reconfigure(configuration(maps, control=patient.daemon.socket, outside='"eth0", "eth1"'))
    try:
        found = [f for f in patient.complaints() if f["state"] == "problem"]
        assert [f["check"] for f in found] == ["reverse-path"], found
        patient.host.run(found[0]["mend"])
        assert not [f for f in patient.complaints() if f["state"] == "problem"]
    finally:
        patient.reconfigure(configuration(control=patient.daemon.socket))


def test_copies_of_iptables_without_a_route(patient):
    """The dmz as a second uplink that only the first one's default route leads away from. nft sends a copy to the
    next hop of the error; iptables asks for a route."""
    rules = patient.daemon.rules
    patient.reconfigure(configuration(control=patient.daemon.socket, outside='"eth0", "eth1"'))
    kind = rules.kind
    try:
        assert not [f for f in patient.complaints() if f["state"] == "problem"]
        rules.unload()
        rules.kind = "iptables"
        rules.load()
        found = patient.expect("new-flow", "eth1, IPv", "TEE needs a router for its copy")
        for finding, family in zip(found, FAMILIES, strict=True):
            patient.host.run(finding["mend"].replace("ROUTER", family.dmz, 1))
        stale, = [f for f in patient.complaints() if f["state"] == "problem"]
        assert stale["check"] == "rules"  # those of iptables were for the routes as they were
        patient.follow(stale)
        assert not [f for f in patient.complaints() if f["state"] == "problem"]
        assert "TEE" not in patient.host.run("iptables-save -t mangle; ip6tables-save -t mangle").stdout  # not twice
    finally:
        patient.host.run("ip route del default metric 2000; ip -6 route del default metric 2000")
        rules.unload()
        rules.kind = kind
        patient.reconfigure(configuration(control=patient.daemon.socket))


def test_interface_missing(patient):
    patient.reconfigure(configuration(control=patient.daemon.socket, outside='"eth0", "eth7"'))
    try:
        finding, = patient.expect("interfaces", "eth7 is missing")
        assert re.search(r"^eth1(@\S+)? ", patient.run(finding["mend"]).stdout, re.M)
    finally:
        patient.reconfigure(configuration(control=patient.daemon.socket))


def test_not_root(patient):
    """What cannot be looked at is not said to be well, and is told first."""
    done = patient.host.run("setpriv", "--bounding-set=-all", "--inh-caps=-all", program("icmpnatctl"), "-s",
                            patient.daemon.socket, "doctor", "--json", check=False)
    assert done.returncode == 3, done
    found = {f["check"]: f["state"] for f in examination(done)}
    assert found["twin"] == "unknown" and found["daemon"] == "ok"
    assert not {"rules", "new-flow", "established-flow"} & set(found)


def test_bad_configuration(patient, tmp_path):
    """Its name, in a command, is a word for a shell."""
    bad = tmp_path / "it's $bad.conf"
    bad.write_text("outside = 1;")
    done = patient.daemon.ctl("doctor", "--json", "-c", str(bad), check=False)
    finding, = examination(done)
    assert (finding["check"], finding["state"], done.returncode) == ("config", "problem", 1)
    said = patient.run(finding["mend"], check=False).stderr
    assert f"{bad}:1: " in said, said


def test_configuration_is_not_for_everybody(patient, tmp_path):
    """Who must not read it does not hear that it is bad."""
    path = str(shutil.copy(patient.daemon.path, tmp_path / "own.conf"))
    os.chmod(path, 0)
    done = patient.host.run("setpriv", "--bounding-set=-all", "--inh-caps=-all", program("icmpnatctl"), "-s",
                            patient.daemon.socket, "doctor", "--json", "-c", path, check=False)
    finding, = examination(done)
    assert (finding["check"], finding["state"], finding["mend"]) == (
        "config", "unknown", f"sudo icmpnatctl -s {patient.daemon.socket} doctor --config {path}")
    assert "permission" in finding["sentence"] and path in finding["sentence"] and done.returncode == 3
    patient.stand_in("sudo", 'exec "$@"')
    done = patient.run(finding["mend"], check=False)  # as root it can read that
    assert f"the daemon runs with {patient.daemon.path}, not with {path}" in done.stdout, done
    assert patient.calls() == [finding["mend"]]
