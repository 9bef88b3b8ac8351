# SPDX-License-Identifier: GPL-2.0-or-later
"""icmpnatctl doctor about the outside interfaces of a host: an interface by which no error can leave is a problem, with
the name of the one that is meant; what leads out is none, however it stands on others.

   far --- up0 -- br0 (bridge)          each of them has, or is, the way out of some case below
   far --- up1 -- v1  (VLAN)
   far --- up2 -- ppp0 (as PPPoE has it), and an address for the modem
   far --- up3 -- vrf0 (VRF)
"""

import subprocess

import pytest

from lab.daemon import program
from lab.network import Host
from patient import examination

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
ip address add 192.0.2.2/24 dev up4
ip route add default via 192.0.2.1
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
        return [f for f in examination(done) if f["check"] == check]
    return examine


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


def test_port_beside_its_bridge(findings):
    """One too many does no harm."""
    port, bridge = findings("interfaces", "up0", "br0")
    assert (port["state"], bridge["state"]) == ("note", "ok")
    assert 'without "up0"' in port["mend"]


def test_below_ppp(host, findings):
    """The device below has an address for its modem. Nothing tells that the other one stands on it, but that it is
    the way out."""
    host.run("ip route add 9.9.9.9 dev ppp0")
    try:
        finding, = findings("interfaces", "up2")
        assert_meant(finding, "up2", "ppp0", "leads to its own network only")
        assert [f["state"] for f in findings("interfaces", "ppp0")] == ["ok"]
        assert [f["state"] for f in findings("interfaces", "up2", "up4")] == ["ok"] * 2
    finally:
        host.run("ip route del 9.9.9.9 dev ppp0")


def test_no_route(findings):
    """Up, and without any route; what is down, or has no carrier, is so for a reason that is known."""
    finding, = findings("interfaces", "up1")
    assert_meant(finding, "up1", "up4", "has no route; the default route has")
    _, idle, down, unplugged = findings("interfaces", "up4", "up1", "up5", "up6")
    assert idle["state"] == "problem" and "no route leads out by up1, of IPv4 or IPv6" == idle["sentence"]
    assert (down["state"], down["sentence"]) == ("note", "up5 is down")
    assert unplugged["state"] == "note" and "up6 has no carrier" in unplugged["sentence"]


def test_other_name(findings):
    finding, = findings("interfaces", "provider")
    assert finding["state"] == "problem" and finding["sentence"].startswith("provider is but another name of up4")
    assert '"up4" in place of "provider"' in finding["mend"]


@pytest.mark.parametrize("commands, outside, meant, words", [
    (VLAN, "up1", "v1", "is below"), (VRF, "up3", "vrf0", "belongs to the VRF")], ids=["VLAN", "VRF"])
def test_below(host, findings, commands, outside, meant, words):
    if host.run(commands.strip().splitlines()[0], check=False).returncode != 0:
        pytest.skip("this kernel has none of these")
    host.run("\n".join(commands.strip().splitlines()[1:]))
    try:
        finding, = findings("interfaces", outside)
        assert_meant(finding, outside, meant, words)
        finding, = findings("interfaces", meant)
        assert finding["state"] == "ok", finding
    finally:
        host.run(f"ip link del {meant}")
