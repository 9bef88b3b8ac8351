# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""icmpnatctl doctor looks at everything that it can, whatever else the host has or lacks, and says of the rest, first
of all and with the reason, that it did not look: the neighbour of each case has nothing to complain of.

   firewall:  interfaces, routes, settings, rules -> its twin      what cannot be copied: unknown, exit status 3
"""

import contextlib
import json
import os
import subprocess

import pytest

from lab.client import udp
from lab.daemon import kernel_has_nft_queue, program
from lab.network import V4, Host
from patient import confined, examination


@contextlib.contextmanager
def changed(host, there, back):
    host.run(there)
    try:
        yield
    finally:
        host.run(back)


def expect_unseen(findings, check, *words):
    """One thing was not looked at, and all the rest is well."""
    first, *others = findings
    assert (first["check"], first["state"]) == (check, "unknown"), findings
    assert all(word in first["sentence"] for word in words), first
    assert {f["state"] for f in others} == {"ok"}, others
    return first


def tried(findings):
    """For how many ways into the host an error was provoked."""
    return sum(f["check"] == "new-flow" for f in findings)


# --- containers

def without(*capabilities):
    lost = ",".join(f"-{name}" for name in capabilities)
    return ["setpriv", f"--bounding-set={lost}", f"--inh-caps={lost}"]


HIDE = "mount -t tmpfs none /dev/net"
CLOSE = HIDE + "; mknod /dev/net/tun c 10 200; chmod 0 /dev/net/tun"


@pytest.mark.parametrize("prefix, before, words", [
    (without("sys_admin"), "true", ("this network namespace", "CAP_SYS_ADMIN is missing")),
    (["unshare", "--user", "--map-root-user"], "true", ("this network namespace", "CAP_SYS_ADMIN is missing")),
    ([], HIDE, ("eth", "there is no /dev/net/tun")),
], ids=["admin", "user-namespace", "no-tun"])
def test_no_twin(patient, prefix, before, words):
    """No advice to load a module that is loaded."""
    findings = confined(patient, prefix, before)
    first = next(f for f in findings if f["check"] == "twin")
    assert first["state"] == "unknown" and all(word in first["sentence"] for word in words), first
    assert first["mend"].startswith("nsenter -t PID -n icmpnatctl -s /proc/PID/root/") and tried(findings) == 0
    assert ("addresses", "ok") in [(f["check"], f["state"]) for f in findings]


def test_no_twin_shows_where_rules_lead(patient):
    """A public side that only the kernel's NAT leads inside is not called lost, where that cannot be seen."""
    with changed(patient.host, "ip address del 1.2.3.1/32 dev lo; ip route del unreachable 1.2.3.0/24",
                 "ip route replace unreachable 1.2.3.0/24; ip address replace 1.2.3.1/32 dev lo"):
        found = [f for f in confined(patient, without("sys_admin")) if f["check"] == "addresses"]
    assert {f["state"] for f in found} == {"unknown"}, found
    assert any("1.2.3.1 is routed away by eth0" in f["sentence"] for f in found), found


def test_no_way_back(patient):
    """The twin is there, and cannot be left, as strace has it: what was found before is told all the same."""
    findings = confined(patient, ["env", "ASAN_OPTIONS=detect_leaks=0", "strace", "-qq", "-o", "/dev/null", "-e",
                                  "inject=setns:error=ENOMEM:when=2+"])
    expect_unseen(findings, "twin", "network namespace of this host", "cannot be entered: Cannot allocate memory")
    assert {"config", "daemon", "queue"} <= {f["check"] for f in findings} and tried(findings) == 0


def test_settings_are_read_only(patient):
    """As in most containers. The rules are held against the configuration all the same."""
    findings = confined(patient, [], "mount --bind /proc/sys /proc/sys; mount -o remount,bind,ro /proc/sys")
    expect_unseen(findings, "twin", "no errors were provoked", "Read-only file system")
    assert "rules" in [f["check"] for f in findings] and tried(findings) == 0
    assert tried(patient.examine()) == 2


def test_a_user(patient, tmp_path):
    """Who must not ask the daemon, nor read the firewall's file, does not hear that they are ill."""
    (tmp_path / "closed").touch(0)
    os.chmod(patient.daemon.socket, 0)
    findings = confined(patient, without("all"), f"mount --bind {tmp_path}/closed /etc/nftables.conf")
    os.chmod(patient.daemon.socket, 0o660)
    unseen = {f["check"]: f["sentence"] for f in findings if f["state"] == "unknown"}
    assert {"daemon", "conntrack", "ipsec", "twin", "reload"} <= set(unseen), findings
    assert "no permission for " + patient.daemon.socket in unseen["daemon"]
    assert {f["state"] for f in findings} == {"ok", "unknown"}


# --- interfaces and routes

TUNNELS = ("sit", "ipip", "gre", "ip6tnl", "vti", "vti6", "ip6gre")


def test_tunnel_modules(patient):
    """A new namespace has interfaces of these modules, with names and indexes that the host has, too."""
    missing = [kind for kind in TUNNELS if patient.host.run(
        "unshare", "--net", "ip", "link", "add", "probe", "type", kind, "local",
        "::1" if "6" in kind else "192.0.2.1", check=False).returncode]
    if len(missing) == len(TUNNELS):
        pytest.skip(f"this kernel has none of {', '.join(TUNNELS)}")
    assert "sit0" in patient.host.run("ip link").stdout
    assert patient.complaints() == []
    assert tried(patient.examine()) == 2


def test_many_interfaces(patient):
    """More than there may be open files, unless one asks for more."""
    names = [f"many{i}" for i in range(30)]
    patient.host.run("ip", "-batch", "-", input="".join(f"link add {n} type veth peer name {n}p\n" for n in names))
    try:
        findings = confined(patient, ["prlimit", "--nofile=40:1024"])
        assert {f["state"] for f in findings} == {"ok"} and tried(findings) == 2, findings
    finally:
        patient.host.run("ip", "-batch", "-", input="".join(f"link del {n}\n" for n in names))


def test_a_route_that_the_kernel_takes_no_more(patient):
    """Its gateway was on a link when it was made."""
    with changed(patient.host, "ip address add 192.0.2.1/24 dev eth1; ip route add 198.51.100.0/24 via 192.0.2.9",
                 "ip route del 198.51.100.0/24"):
        assert patient.complaints() == []
        patient.host.run("ip address del 192.0.2.1/24 dev eth1")
        findings = patient.examine()
        expect_unseen(findings, "twin", "1 of this host's addresses, routes and policy rules",
                      "route to 198.51.100.0/24 (Network is unreachable)")
        assert tried(findings) == 2


def test_route_from_an_address(patient):
    """The kernel takes an address of IPv6 for a source once a task of its own has run, which waits here: the doctor has
    the processor, and goes before it."""
    first = ["taskset", "-c", str(min(os.sched_getaffinity(0))), "chrt", "--fifo", "1"]
    if patient.host.run(*first, "true", check=False).returncode:
        pytest.skip("no program may go before others here")
    with changed(patient.host, "ip -6 route add 2001:db8:f::/64 via fd42::fe src 2001:db8:1::1",
                 "ip -6 route del 2001:db8:f::/64"):
        assert {f["state"] for f in confined(patient, first)} == {"ok"}


ODD = """
rule add pref 101 fwmark 0x10/0xf0 prohibit
rule add pref 102 lookup main suppress_prefixlength 0
rule add pref 103 goto 32766
rule add pref 104 ipproto udp dport 53 iif nothere lookup 9
route add blackhole 10.100.0.0/16
route add throw 10.101.0.0/16 table 9
route add 10.102.0.0/16 via 10.100.0.9 dev eth1 onlink mtu lock 1400
route add 10.103.0.0/16 nexthop via 192.168.1.10 weight 2 nexthop dev eth1
route add 10.104.0.0/16 via inet6 fd00:1::10 dev eth1
route add local 0.0.0.0/0 dev lo table 9
nexthop add id 1 via 192.168.1.10 dev eth1
nexthop add id 2 blackhole
nexthop add id 3 group 1
nexthop add id 4 via fd00:1::10 dev eth1
route add 10.105.0.0/16 nhid 2
route add 10.106.0.0/16 nhid 3
-6 rule add pref 101 from fd00:9::/64 lookup 9
-6 route add fd50::/64 nhid 4
-6 route add unreachable fd51::/64
-6 route add fd52::/64 from fd00:1::/64 via fd00:1::10 dev eth1
-6 route add fd53::/64 nexthop via fd00:1::10 nexthop via fd00:1::11
"""


def test_odd_routes(patient):
    """What routing daemons and providers' recipes make, all of which the twin takes."""
    lines = [line for line in ODD.splitlines() if line]
    back = "; ".join("ip " + line.replace(" add ", " del ") for line in lines[::-1])
    try:
        for line in lines:
            patient.host.run("ip " + line)
        assert patient.complaints() == []
    finally:
        patient.host.run(back, check=False)


def test_many_routes(patient):
    """Of a full table the last one counts, too: the client's."""
    routes = [f"{100 + i // 65536}.{i // 256 % 256}.{i % 256}.0/24" for i in range(50000)]
    patient.host.run("ip", "-batch", "-", input="".join(f"route add unreachable {r} table 77\n" for r in routes))
    with changed(patient.host, "ip route add unreachable 9.9.9.9 table 77; ip rule add pref 77 lookup 77",
                 "ip rule del pref 77; ip route flush table 77"):
        findings = patient.examine()
        assert [f["sentence"] for f in findings if f["state"] == "unknown" and f["check"] == "twin"] == []


# --- what the twin has none of, and what it has

POLICY = "ip xfrm policy {} dir out "
TUNNEL = " tmpl src 192.168.42.1 dst 198.51.100.1 proto esp mode tunnel"
TUNNEL6 = " tmpl src fd42::1 dst 2001:db8:f::1 proto esp mode tunnel"


@pytest.fixture
def policy(patient):
    """Adds policies, which go with the test. The rules heed them."""
    if patient.host.run("ip xfrm policy", check=False).returncode != 0:
        pytest.skip("this kernel has no IPsec")
    with contextlib.ExitStack() as stack:
        stack.callback(patient.daemon.rules.load)

        def add(selector, rest):
            patient.host.run(POLICY.format("add") + selector + rest)
            stack.callback(patient.host.run, POLICY.format("delete") + selector)
            patient.daemon.rules.load()
        yield add


@pytest.mark.parametrize("selector, rest, to", [
    ("src 192.168.1.0/24 dst 203.0.113.0/24", TUNNEL, "203.0.113.0/24"),
    ("src 0.0.0.0/0 dst 0.0.0.0/0 proto icmp", TUNNEL, "0.0.0.0/0"),
    ("src ::/0 dst 2001:db8:c::/48 dev eth0", " action block", "2001:db8:c::/48"),
])
def test_ipsec_for_public_addresses(patient, policy, selector, rest, to):
    policy(selector, rest)
    found = expect_unseen(patient.examine(), "ipsec", "IPsec policy", f" to {to}:")
    assert found["mend"] == "ip xfrm policy list dir out" and f" dst {to} " in patient.run(found["mend"]).stdout


def test_ipsec_for_others(patient, policy):
    """A tunnel to a private network, policies of a tunnel interface, one for other packets, one by the inside, and one
    that exempts."""
    policy("src 192.168.1.0/24 dst 10.9.0.0/16", TUNNEL)
    policy("src fd00:1::/64 dst fd09::/16", TUNNEL6)
    policy("src 0.0.0.0/0 dst 0.0.0.0/0 mark 7 mask 0xff", TUNNEL)
    policy("src 0.0.0.0/0 dst 0.0.0.0/0 if_id 7", TUNNEL)
    policy("src 0.0.0.0/0 dst 0.0.0.0/0 proto tcp", TUNNEL)
    policy("src ::/0 dst ::/0 dev eth1", TUNNEL6)
    policy("src 0.0.0.0/0 dst 203.0.113.9/32", "")
    assert patient.complaints() == []


ZONES = """
table ip zones {{
    chain prerouting {{
        type filter hook prerouting priority raw
        {}
    }}
    chain output {{
        type filter hook output priority raw
        {}
    }}
}}
"""


@pytest.mark.parametrize("rules", [('iifname "eth0" ct zone set 7', ""), ("ct zone set 7", "ct zone set 7"),
                                   ("ct zone set 7", "ct state != untracked ct zone set 7")],
                         ids=["coming in", "both", "but copies"])
def test_zones(network, patient, rules):
    """They are rules, which the twin has: the doctor finds all well if the client does."""
    patient.host.nft(ZONES.format(*rules))
    try:
        heard = [udp(network.client, address) for address in (V4.plain_rejected, V4.stateless)]
        well = all((h.answer, h.offender) == ("refused", V4.public) for h in heard)
        assert (patient.complaints() == []) == well, heard
    finally:
        patient.host.run("nft delete table ip zones")



# --- rules

KEYWORD = {"family": "inet", "table": "drop", "name": "output", "type": "filter", "hook": "output", "prio": 0}


def test_a_table_that_nft_cannot_read(patient):
    """Its name is a word of the language; by JSON it can be made. The tables beside it are looked at."""
    table = {"family": "inet", "name": "drop"}
    patient.host.nft(DROPS)
    patient.host.run("nft", "-j", "-f", "-", input=json.dumps({"nftables": [{"add": {"table": table}}, {"add": {"chain": KEYWORD}}]}))
    try:
        findings = patient.examine()
        assert (findings[0]["check"], findings[0]["state"]) == ("twin", "unknown"), findings
        assert findings[0]["sentence"].startswith("table inet drop cannot be loaded in the twin (")
        assert "unexpected drop" in findings[0]["sentence"]
        assert [f["check"] for f in findings if f["state"] == "problem"] == ["new-flow"] * 2, findings
    finally:
        patient.host.nft("delete table inet other")
        patient.host.run("nft", "-j", "-f", "-", input=json.dumps({"nftables": [{"delete": {"table": table}}]}))


def test_no_iptables(patient, tmp_path):
    """nft warns of a table that iptables alone can read. A host that lacks both lacks nothing."""
    for directory in "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin":
        for entry in os.scandir(directory):
            if entry.name != "iptables-nft-save" and not os.path.lexists(tmp_path / entry.name):
                (tmp_path / entry.name).symlink_to(entry.path)
    with changed(patient.host, "iptables-nft -I OUTPUT -p tcp -m length --length 5:9 -j DROP", "iptables-nft -D OUTPUT 1"):
        if "managed by" not in patient.host.run("nft list ruleset 2>&1").stdout:
            pytest.skip("this nft does not warn of such tables")
        assert patient.complaints() == []
        findings = confined(patient, ["env", f"PATH={tmp_path}"])
    first = expect_unseen(findings, "twin", "iptables-nft-save", "is missing")
    assert "apt-get install iptables" in first["mend"]


DROPS = """
table inet other {
    chain output {
        type filter hook output priority filter
        ct state untracked drop
    }
}
"""


def test_no_nft(patient):
    """The daemon loads rules without that program; without it the doctor cannot see them."""
    findings = confined(patient, ["env", "PATH=/nowhere"])
    expect_unseen(findings, "twin", "nft is not installed")
    assert tried(findings) == 0


# --- who asks regularly

TEXTFILE = os.path.join(os.path.dirname(__file__), "../../../etc/examples/icmpnatd-textfile.sh")


def test_example_for_monitoring(patient, tmp_path):
    patient.host.run(f"PATH={os.path.dirname(program('icmpnatctl'))}:$PATH sh {TEXTFILE} {tmp_path} "
                     f"-s {patient.daemon.socket}", check=False)
    lines = (tmp_path / "icmpnatd.prom").read_text().splitlines()
    assert {"icmpnatd_up 1", "icmpnatd_accounts_complete 1", "icmpnatd_doctor_result 0"} <= set(lines), lines


# --- VRFs

VRF = """
ip link add red type vrf table 100
"""
IN_IT = """
ip link set lo up
ip link set red up
for i in 0 1; do
    ip link add eth$i type veth peer name peer$i
    ip link set eth$i master red
    ip link set eth$i up
    ip link set peer$i up
done
ip address add 192.168.42.1/24 dev eth1
ip address add fd42::1/64 dev eth1 nodad
ip address add 1.2.3.1/32 dev red
ip address add 2001:db8:1::1/128 dev red nodad
ip route add default via 192.168.42.254 table 100
ip -6 route add default via fd42::fe table 100
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
"""
IN_IT_CONFIG = """
outside = ( "red" );
maps = ( { private = "192.168.42.1"; public = "1.2.3.1"; }, { private = "fd42::1"; public = "2001:db8:1::1"; } );
"""


@pytest.fixture
def routed_apart():
    """A host whose only uplink is in a VRF."""
    host = Host("vrf")
    try:
        if host.run(VRF, check=False).returncode != 0:
            pytest.skip("this kernel has no VRFs")
        host.run(IN_IT)
        yield host
    finally:
        subprocess.run(["ip", "netns", "del", "vrf"], check=True)


def test_vrf(routed_apart, tmp_path):
    """The twin has it. In the main table, there is no way out."""
    host, path = routed_apart, tmp_path / "icmpnatd.conf"
    path.write_text(IN_IT_CONFIG)
    kind = "nft" if kernel_has_nft_queue(host) else "mixed"
    host.run(f"{program('icmpnatd')} --config {path} --print-rules={kind} | sh -c "
             f"{'nft -f -' if kind == 'nft' else 'sh'!r}")
    found = examination(host.run(program("icmpnatctl"), "-s", "/nowhere", "doctor", "--json", "-c", str(path), check=False))
    about = {check: [(f["state"], f["sentence"]) for f in found if f["check"] == check]
             for check in ("new-flow", "established-flow")}
    for version, public in (4, "1.2.3.1"), (6, "2001:db8:1::1"):
        for check, kind in ("new-flow", "a new"), ("established-flow", "an established"):
            assert any(state == "ok" and sentence.startswith(f"red, IPv{version}: an error about {kind} flow is ")
                       and sentence.endswith(f"leaves by red from {public}") for state, sentence in about[check]), about
