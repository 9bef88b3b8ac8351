# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""icmpnatctl doctor about the outside interfaces of a host: an interface by which no error can leave is a problem, with
the name of the one that is meant; what leads out is none, however it stands on others. And whether a route would do.

   far --- up0 -- br0 (bridge)          each of them has, or is, the way out of some case below
   far --- up1 -- v1  (VLAN)
   far --- up2 -- ppp0 (as PPPoE has it), and an address for the modem
   far --- up3 -- vrf0 (VRF)
   far --- up4                          10.4.0.2 and fd04::2, with the default routes; up5 is down, up6 unplugged
"""

import os
import re
import subprocess
from pathlib import Path

import pytest

from lab.client import wait_until
from lab.daemon import program
from lab.network import Host
from patient import examination, look

UNPRIVILEGED = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]  # what it then cannot do takes no time
LINKS = """
ip link set lo up
ip link add far type bridge
ip link set far up
for i in 0 1 2 3 4 5 6; do
    ip link add up$i type veth peer name far$i
    ip link set far$i master far up
    ip link set up$i up
done
ip link property add dev up4 altname provider
ip address add 10.4.0.2/24 dev up4
ip address add fd04::2/64 dev up4 nodad
ip route add default via 10.4.0.1 metric 50
ip route add default via fd04::1
ip address add 192.0.2.1/32 dev lo
ip address add 2001:db8::1/128 dev lo nodad
ip link set up5 down
ip link set far6 down
"""
BRIDGE = """
ip link add br0 type bridge
ip link set up0 master br0
ip link set br0 up
ip address add 198.51.100.2/24 dev br0
ip route add default via 198.51.100.1 table 100
"""
PPP = """
ip address add 192.168.100.2/24 dev up2
ip tuntap add ppp0 mode tun
ip link set ppp0 up
ip address add 203.0.113.2 peer 203.0.113.1 dev ppp0
"""
VLAN = """
ip link add link up1 name v1 type vlan id 10
ip link set v1 up
ip address add 198.51.101.2/24 dev v1
ip route add default via 198.51.101.1 table 101
"""
VRF = """
ip link add vrf0 type vrf table 103
ip link set vrf0 up
ip link set up3 master vrf0
ip address add 198.51.103.2/24 dev up3
ip route add default via 198.51.103.1 table 103
"""


@pytest.fixture(scope="module")
def host(possible):
    host = Host("uplinks")
    host.run(LINKS + BRIDGE + PPP)
    yield host
    subprocess.run(["ip", "netns", "del", "uplinks"], check=True)


@pytest.fixture
def findings(host, tmp_path):
    """What a check says with these outside interfaces, and other lines of a configuration."""
    def examine(check, *outside, more=""):
        path = tmp_path / "icmpnatd.conf"
        path.write_text("outside = [ " + ", ".join(f'"{name}"' for name in outside) + f" ];\n{more}\n")
        done = host.run(*UNPRIVILEGED, program("icmpnatctl"), "-s", "/nowhere", "doctor", "--json", "-c", str(path),
                        check=False)
        return [f for f in look(host.run, examination(done)) if f["check"] == check]
    return examine


def corrected(finding, *outside):
    """The outside interfaces, when they have been edited as it says."""
    edit = r'editor \S+ # outside: {}; then icmpnatctl -s /nowhere reload'
    if other := re.fullmatch(edit.format('"(.+)" in place of "(.+)"'), finding["mend"]):
        return [other[1] if name == other[2] else name for name in outside]
    one_less = re.fullmatch(edit.format('without "(.+)"'), finding["mend"])
    return [name for name in outside if name != one_less[1]]


def assert_mended(findings, finding, *outside):
    """With all of them as it says, no complaint is left."""
    found = findings("interfaces", *corrected(finding, *outside))
    assert found and {f["state"] for f in found} == {"ok"}, found


def assert_meant(finding, outside, meant, *words):
    """It is a problem, and both the sentence and the mend name the interface that is meant."""
    assert finding["state"] == "problem", finding
    assert finding["sentence"].startswith(outside + " ")
    assert f" {meant}: errors leave by that one, and never by {outside}" in finding["sentence"], finding
    assert f'"{meant}" in place of "{outside}"' in finding["mend"], finding
    assert all(word in finding["sentence"] for word in words), finding


def test_interfaces_that_lead_out(findings):
    """A device, a bridge, and one that leads to its own network only, as that of customers does."""
    found = findings("interfaces", "up4", "br0", "up2")
    assert [f["state"] for f in found] == ["ok"] * 3, found


def test_port_of_a_bridge(findings):
    finding, = findings("interfaces", "up0")
    assert_meant(finding, "up0", "br0", "is a port of the bridge")
    assert_mended(findings, finding, "up0")


def test_port_beside_its_bridge(findings):
    """One too many does no harm."""
    port, bridge = findings("interfaces", "up0", "br0")
    assert (port["state"], bridge["state"]) == ("note", "ok")
    assert_mended(findings, port, "up0", "br0")


def test_below_ppp(host, findings):
    """The device below has an address for its modem. Nothing tells that the other one stands on it, but that it is
    the way out."""
    host.run("ip route add 9.9.9.9 dev ppp0")
    try:
        finding, = findings("interfaces", "up2")
        assert_meant(finding, "up2", "ppp0", "leads to its own network only")
        assert_mended(findings, finding, "up2")
        assert [f["state"] for f in findings("interfaces", "up2", "up4")] == ["ok"] * 2
    finally:
        host.run("ip route del 9.9.9.9 dev ppp0")


def test_no_route(host, findings):
    """Up, and without any route; what is down, or has no carrier, is so for a reason that is known."""
    finding, = findings("interfaces", "up1")
    assert_meant(finding, "up1", "up4", "has no route; the default route has")
    assert_mended(findings, finding, "up1")
    _, idle, down, unplugged = findings("interfaces", "up4", "up1", "up5", "up6")
    assert idle["state"] == "problem" and "no route leads out by up1, of IPv4 or IPv6" == idle["sentence"]
    assert (down["state"], down["sentence"]) == ("note", "up5 is down")
    assert unplugged["state"] == "note" and "up6 has no carrier" in unplugged["sentence"]
    host.run(down["mend"])
    try:
        assert "is down" not in findings("interfaces", "up5")[0]["sentence"]
    finally:
        host.run("ip link set up5 down")


def test_route_that_names_no_interface(host, findings):
    """But a nexthop object, and does not spell it out."""
    host.run("sysctl -w net.ipv4.nexthop_compat_mode=0; ip nexthop add id 7 dev up1; ip route add 9.9.9.9 nhid 7")
    try:
        assert "up1" not in host.run("ip route show").stdout
        finding, = findings("interfaces", "up1")
        assert finding["state"] == "ok", finding
    finally:
        host.run("ip nexthop del id 7; sysctl -w net.ipv4.nexthop_compat_mode=1")


def test_strict_reverse_path_of_a_vlan(host, findings):
    """A dot in its name is no part of the setting's path."""
    host.run("ip link add up7.1 type veth peer name far7; sysctl -w net/ipv4/conf/up7.1/rp_filter=1")
    try:
        finding, = findings("reverse-path", "up4", "up7.1")
        host.run(finding["mend"])
        assert host.run("sysctl -n net/ipv4/conf/up7.1/rp_filter").stdout == "2\n"
    finally:
        host.run("ip link del up7.1")


def test_other_name(findings):
    finding, = findings("interfaces", "provider")
    assert finding["state"] == "problem" and finding["sentence"].startswith("provider is but another name of up4")
    assert_mended(findings, finding, "provider")


@pytest.mark.parametrize("commands, outside, meant, words", [
    (VLAN, "up1", "v1", "is below"), (VRF, "up3", "vrf0", "belongs to the VRF")], ids=["VLAN", "VRF"])
def test_below(host, findings, commands, outside, meant, words):
    if host.run(commands.strip().splitlines()[0], check=False).returncode != 0:
        pytest.skip("this kernel has none of these")
    host.run("\n".join(commands.strip().splitlines()[1:]))
    try:
        finding, = findings("interfaces", outside)
        assert_meant(finding, outside, meant, words)
        assert_mended(findings, finding, outside)
    finally:
        host.run(f"ip link del {meant}")


def map_of(private, public, more=""):
    return f'{{ private = "{private}"; public = "{public}"; {more} }}'


V4 = map_of("10.4.0.2", "192.0.2.1")
V6 = map_of("fd04::2", "2001:db8::1")
INNER = map_of("10.9.0.0/24", "198.51.100.0/24")


@pytest.mark.parametrize("maps, more, reason", [
    ([V4, INNER], "", "stateless NAT"),
    ([V4, map_of("fd09::/48", "2001:db8:9::/48", "npt = true;")], "", "stateless NAT"),
    ([V4], 'errors = "all";', 'errors = "all"'),
    ([V4], 'hop_names = ( { address = "192.0.2.1"; } );', "hop_names"),
    ([], 'hop_names = ( { address = "192.0.2.1"; } );', "hop_names"),
    ([V4], 'lookup = "always";', 'lookup = "always"'),
    ([V4], 'extensions = "strip";', "extensions are removed"),
    ([V4], 'private_peers = "leave";', "private neighbours"),
    ([map_of("10.0.0.0/8", "203.0.113.8/29")], "", "is no address of this host"),
    ([map_of("10.4.0.2", "192.0.2.9")], "", "192.0.2.9 is no address of this host"),
    ([V4, map_of("192.168.100.2", "192.0.2.8")], "", "more than one public address"),
    ([V4, map_of("fd04::2", "2001:db8::9")], "", "2001:db8::9 is no address of this host"),
], ids=str)
def test_needed(findings, maps, more, reason):
    finding, = findings("need", "up4", more=f"maps = ( {', '.join(maps)} );\n{more}")
    assert finding["state"] == "ok" and finding["mend"] == "", finding
    assert finding["sentence"].startswith("icmpnatd is needed") and reason in finding["sentence"], finding


@pytest.mark.parametrize("command, back, outside, reason", [
    ("ip route replace default nexthop via 10.4.0.1 nexthop via 10.4.0.3", "ip route del default", ["up4"], "default"),
    ("sysctl -w net.ipv4.icmp_errors_use_inbound_ifaddr=1", "sysctl -w net.ipv4.icmp_errors_use_inbound_ifaddr=0",
     ["up4"], "default route"),
    ("true", "true", ["up4", "br0"], "several outside interfaces"),
    ("true", "true", ["br0"], "default route"),
], ids=["two routers", "inbound", "two uplinks", "another way out"])
def test_needed_for_routes(host, findings, command, back, outside, reason):
    """Where no single route decides, or that of an interface that is not outside."""
    host.run(command)
    try:
        finding, = findings("need", *outside, more=f"maps = ( {V4} );")
        assert finding["state"] == "ok" and reason in finding["sentence"], finding
    finally:
        host.run(back)


@pytest.mark.parametrize("maps, mend", [
    ([V4], "ip -4 route replace default via 10.4.0.1 dev up4 metric 50 src 192.0.2.1"),
    ([map_of("10.0.0.0/8", "192.0.2.1")], "ip -4 route replace default via 10.4.0.1 dev up4 metric 50 src 192.0.2.1"),
    ([V6], "ip -6 route replace default via fd04::1 dev up4 metric 1024 src 2001:db8::1"),
], ids=["IPv4", "many to one", "IPv6"])
def test_not_needed(host, findings, maps, mend):
    finding, = findings("need", "up4", more=f"maps = ( {', '.join(maps)} );")
    assert (finding["state"], finding["mend"].partition(" # ")[0]) == ("note", mend), finding
    host.run(mend)
    try:
        finding, = findings("need", "up4", more=f"maps = ( {', '.join(maps)} );")
        assert finding["state"] == "note" and "does not need icmpnatd" in finding["sentence"], finding
    finally:
        host.run(mend.rpartition(" src ")[0])


@pytest.mark.parametrize("route, mend", [
    ("via 203.0.113.77 dev up4 onlink metric 50", "ip -4 route replace default via 203.0.113.77 dev up4 onlink metric 50 src "
     "192.0.2.1"),
    ("via 10.4.0.1 dev up4 metric 50 mtu 1400", "ip -4 route show default; ip -6 route show default # add src 192.0.2.1"),
    ("via fd04::1 expires 600", "ip -4 route show default; ip -6 route show default # add src 2001:db8::1"),
], ids=["onlink", "metrics", "expires"])
def test_route_with_more(host, findings, route, mend):
    """A command that would lose what the route has is none."""
    ip, back, maps = ("ip -6", "via fd04::1", V6) if ":" in route else ("ip", "via 10.4.0.1 metric 50", V4)
    host.run(f"{ip} route replace default {route}")
    try:
        finding, = findings("need", "up4", more=f"maps = ( {maps} );")
        assert finding["state"] == "note" and finding["mend"].startswith(mend), finding
        assert ("lasts until the next boot" in finding["mend"]) == (" replace " in mend), finding
        host.run(finding["mend"])
    finally:
        host.run(f"{ip} route replace default {back}")


def test_no_maps(findings):
    finding, = findings("need", "up4")
    assert (finding["state"], finding["sentence"]) == ("note", "there is no map: icmpnatd changes nothing")
    entry = finding["mend"].partition(" # maps: ")[2].replace("...", "10.4.0.2", 1).replace("...", "192.0.2.1")
    finding, = findings("need", "up4", more=f"maps = ( {entry} );")
    assert "there is no map" not in finding["sentence"]


def test_nothing_is_left_behind(tmp_path):
    """What the doctor has started ends with it, even where it cannot see to that."""
    nft, config, started = (tmp_path / name for name in ("nft", "icmpnatd.conf", "started"))
    nft.write_text(f"#!/bin/sh\necho $$ >{started}.new; mv {started}.new {started}; exec sleep 600\n")
    nft.chmod(0o755)
    config.write_text('outside = [ "up4" ];\n')
    doctor = subprocess.Popen(["env", f"PATH={tmp_path}:{os.environ['PATH']}", program("icmpnatctl"), "-s", "/nowhere",
                               "doctor", "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(started.exists, "its first program")
    doctor.kill()
    doctor.wait()
    command = Path("/proc", started.read_text().strip(), "cmdline")  # of what is dead and not yet reaped it is empty
    wait_until(lambda: not command.exists() or not command.read_bytes(), "the end of it")
