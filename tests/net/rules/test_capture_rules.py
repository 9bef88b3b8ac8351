# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Under each kind of capture rules, each class of error has the fate that the table of icmpnatd-rules(7)
names. Exactly one error leaves, made public by the kernel's NAT or by the daemon, and it quotes what was sent.

   client ----- border ==(listening here)== firewall ----- dmz
                                            plain, nat, stateless
"""

import contextlib
import pathlib
import re
import shutil

import pytest

from lab.client import Reaction, TIMED_OUT, udp
from lab.daemon import MAPS, Daemon, Rules, kernel_has_nft_queue, program
from lab.network import V4, V6
from lab.traffic import Capture
from expected import assert_right
from scenes import SCENES
from tap import Conntrack

NOBODY = "nobody"    # needs nothing: the kernel's NAT has done all there is to do
KERNEL = "kernel"    # the rules made its source public
PRIVATE = "private"  # as the kernel made it, from the private address: the border drops it
NOT_CAPTURED = NOBODY, KERNEL, PRIVATE

TABLE = {  # the daemon's outcome, by kind:       nft      direct   iptables         iptables-direct
    "plain-new":                                  (KERNEL,  KERNEL,  "outer",         PRIVATE),
    "plain-established":                          (KERNEL,  KERNEL,  "outer",         "outer"),
    "nat-new":                                    (NOBODY,  NOBODY,  NOBODY,          NOBODY),
    "nat-established":                            (NOBODY,  "both",  NOBODY,          "both"),
    "stateless-new":                              ("both",  "both",  "both",          "both"),
    "stateless-established":                      ("both",  "both",  "both",          "both"),
    "invalid":                                    (KERNEL,  KERNEL,  "outer",         "outer"),
    "public":                                     (NOBODY,  NOBODY,  "already-right", "already-right"),
    "forwarded":                                  (NOBODY,  NOBODY,  NOBODY,          NOBODY),
}
COLUMN = {"nft": 0, "mixed": 0, "direct": 1, "iptables": 2, "iptables-direct": 3}


def why_not(host, kind):
    """What this kernel lacks for the rules of a kind, or None."""
    if kind in ("nft", "direct") and not kernel_has_nft_queue(host):
        return "this kernel's nft has no queue"
    if kind not in ("nft", "direct") and host.run(
            "iptables -w -t mangle -S && ip6tables -w -t mangle -S", check=False).returncode != 0:
        return "iptables does not work here"
    return None


@pytest.fixture(autouse=True)
def no_flows(network):
    """The firewall knows no flow when a test begins."""
    conntrack = Conntrack(network.firewall)
    conntrack.flush()
    conntrack.close()


@pytest.fixture(scope="module", params=COLUMN)
def daemon(network, request):
    """icmpnatd with capture rules of one kind."""
    reason = why_not(network.firewall, request.param)
    if reason:
        pytest.skip(f"{request.param}: {reason}")
    daemon = Daemon(network, kernel="auto")
    daemon.rules = Rules(network.firewall, daemon.path, kind=request.param)
    with daemon:
        yield daemon


def test_the_manual_has_this_table():
    manual = (pathlib.Path(__file__).parents[3] / "man/icmpnatd-rules.7").read_text()
    rows = re.search(r"^\.Ss What becomes of an error$.*?^\.It Em error about .*?\n(.*?)^\.El", manual, re.M | re.S)[1]
    assert [tuple(row.split(" Ta ")[1:]) for row in rows.splitlines()] == list(TABLE.values())


@pytest.mark.parametrize("name", TABLE)
def test_cell(network, daemon, family, name):
    scene, outcome = SCENES[name], TABLE[name][COLUMN[daemon.rules.kind]]
    arrives = outcome != PRIVATE
    source = getattr(family, scene.source) if arrives else family.firewall
    with scene.prepare(network, family, getattr(family, scene.role)) as action, \
            Capture(network.client, "eth0") as client, Capture(network.router, "fwl") as border:
        account, before = daemon.account(), daemon.rules.counted()
        said = action(2 if arrives else 0.2)
        assert border.errors(1), "the error was lost"
        account.expect(**{} if outcome in NOT_CAPTURED else {outcome: 1})
        assert (daemon.rules.counted() - before)["outer"] == (outcome == KERNEL)
        error, = border.errors()
        assert len(client.errors()) == (1 if arrives else 0)
    assert_right(error, scene.kind, family, source, client.sent)
    if said:
        assert said == (Reaction(scene.kind.answer, source, *scene.kind.type_and_code(family), scene.kind.mtu)
                        if arrives else TIMED_OUT)


def provoked(network, family, name):
    """The source of the error that leaves the firewall."""
    scene = SCENES[name]
    with scene.prepare(network, family, getattr(family, scene.role)) as action, \
            Capture(network.router, "fwl") as border:
        action(0)
        error, = border.errors(1)
    return error.source


def test_without_a_daemon_nothing_is_lost(network, daemon, family):
    """Whatever would be queued leaves as it is, and the kernel goes on with its part."""
    daemon.stop()
    try:
        for name in "plain-new", "plain-established", "stateless-new", "stateless-established", "invalid":
            by_kernel = TABLE[name][COLUMN[daemon.rules.kind]] == KERNEL
            assert provoked(network, family, name) == (family.public if by_kernel else family.firewall), name
        assert provoked(network, family, "nat-established") == family.nat
    finally:
        daemon.start()


def listing(host):
    """The lines of all rules in an order of their own: loading may put a table at the end."""
    lines = host.run("nft -s list ruleset; iptables-save; ip6tables-save").stdout.splitlines()
    return sorted(line for line in lines if not line.startswith(("#", ":")))


def test_loaded_twice_and_removed(network, daemon):
    before = listing(network.firewall)
    daemon.rules.load()
    assert listing(network.firewall) == before
    daemon.rules.unload()
    assert not [line for line in listing(network.firewall) if "icmpnatd" in line.lower()]
    daemon.rules.load()
    assert listing(network.firewall) == before


@pytest.mark.parametrize("missing", ["nft", "iptables"])
def test_removed_with_what_there_is(network, tmp_path, missing):
    """Where only one of the programs is installed, its rules go without a word."""
    host, daemon = network.dmz, Daemon(network)
    reason = why_not(host, "mixed")
    if reason:
        pytest.skip(f"mixed: {reason}")
    for tool in {"nft", "iptables", "ip6tables"} - {missing, missing.replace("ip", "ip6")}:
        (tmp_path / tool).symlink_to(shutil.which(tool))
    rules = Rules(host, daemon.path, kind="mixed")
    rules.load()
    try:
        script = host.run(program("icmpnatd"), "--print-rules=none").stdout
        done = host.run("env", f"PATH={tmp_path}", "/bin/sh", input=script)
        assert done.stderr == ""
        left = "\n".join(listing(host))
        assert ("table ip icmpnatd" in left, "ICMPNATD" in left) == (missing == "nft", missing == "iptables")
    finally:
        rules.unload()


def test_comment_on_what_the_rules_leave_to_the_daemon(network):
    """icmpnatd-rules(7) names what is copied because rules cannot say it, and promises a comment."""
    daemon = Daemon(network, more='lookup = "always";\n')
    printed = network.firewall.run(program("icmpnatd"), "--config", daemon.path, "--print-rules").stdout
    assert printed.count('# lookup = "always": the daemon reads every error') == 2


@pytest.mark.parametrize("more", ['lookup = "always"', 'extensions = "strip"'])
def test_iptables_copies_all_where_all_must_be_read(network, more):
    """With maps for the outer source alone, too, of which the source of an error tells nothing here."""
    daemon = Daemon(network)
    daemon.write(f'outside = [ "eth0" ];\n{more};\n'
                 f'maps = ( {{ private = "{V4.firewall}"; public = "{V4.public}"; part = "outer"; }} );\n')
    printed = network.firewall.run(program("icmpnatd"), "--config", daemon.path, "--print-rules=iptables").stdout
    assert "-j TEE" in printed and "--src-range" not in printed


@pytest.mark.parametrize("kind", COLUMN)
def test_an_extension_is_seen_and_costs_no_other_error(network, kind):
    """To translate extensions the rules bring no more errors than to pass them; to strip them they do, also of a family
    without maps."""
    daemon = Daemon(network)

    def printed(policy, maps=MAPS):
        daemon.more = f'extensions = "{policy}";\n'
        daemon.configure(maps)
        return network.firewall.run(program("icmpnatd"), "--config", daemon.path, "--print-rules=" + kind).stdout

    passing, only_ipv4 = printed("pass"), [(a, b) for a, b in MAPS if ":" not in a]
    assert printed("translate") == printed("translate-addresses") == passing
    for policy, needs in ("pass", False), ("translate", False), ("strip-private", True), ("strip", True):
        rules = re.sub("(?m)^ *#.*", "", printed(policy, only_ipv4))
        assert bool(re.search("icmpv6 type|--icmpv6-type", rules)) == needs, policy


@pytest.mark.parametrize("kind", [kind for kind in COLUMN if kind not in ("nft", "direct")])
def test_family_that_needs_none_any_more(network, kind):
    """Loaded again without maps for IPv6, nothing is left that captures its errors."""
    host, daemon = network.dmz, Daemon(network)
    reason = why_not(host, kind)
    if reason:
        pytest.skip(f"{kind}: {reason}")
    rules = Rules(host, daemon.path, kind=kind)
    try:
        rules.load()
        assert "-j NFQUEUE" in host.run("ip6tables-save").stdout
        daemon.configure([(private, public) for private, public in MAPS if ":" not in private])
        rules.load()
        assert "ICMPNATD" not in host.run("ip6tables-save").stdout
        assert "-j NFQUEUE" in host.run("iptables-save").stdout
    finally:
        rules.unload()


only_iptables = pytest.mark.parametrize("daemon", ["iptables"], indirect=True)


@contextlib.contextmanager
def default_route(network, daemon, family, route):
    """The firewall's way out is another one when the rules are loaded."""
    ip, client = f"ip -{family.version}", family.client + ("/32" if family.version == 4 else "/128")
    network.firewall.run(f"{ip} route replace {client} via {family.router_inner}; {ip} route del default; {route}")
    try:
        yield daemon.rules.load()
    finally:
        network.firewall.run(f"{ip} route replace default via {family.router_inner}; {ip} route del {client}")
        daemon.rules.load()


@only_iptables
def test_no_router(network, daemon, family):
    """Copies could not leave, so there are none: errors about flows are the kernel's, others ours."""
    with default_route(network, daemon, family, "") as said:
        assert said == f"icmpnatd: no IPv{family.version} router by way of eth0: errors about flows leave as they are\n"
        assert provoked(network, family, "plain-new") == family.firewall
        assert provoked(network, family, "stateless-new") == family.public


@only_iptables
def test_router_with_a_link_local_address(network, daemon):
    address, = [word.split("/")[0] for word in network.router.run(
        "ip -6 -o address show dev fwl scope link").stdout.split() if word.startswith("fe80")]
    with default_route(network, daemon, V6, f"ip -6 route add default via {address} dev eth0") as said:
        assert said == ""
        assert provoked(network, V6, "plain-new") == V6.public
        assert provoked(network, V6, "public") == V6.public


STRICT = """
iptables -P OUTPUT {policy}
iptables {action} OUTPUT -m conntrack --ctstate ESTABLISHED,RELATED,NEW -j ACCEPT
ip6tables -P OUTPUT {policy}
ip6tables {action} OUTPUT -m conntrack --ctstate ESTABLISHED,RELATED,NEW -j ACCEPT
ip6tables {action} OUTPUT -p ipv6-icmp --icmpv6-type neighbor-solicitation -j ACCEPT
ip6tables {action} OUTPUT -p ipv6-icmp --icmpv6-type neighbor-advertisement -j ACCEPT
"""


@only_iptables
def test_policy_drop(network, daemon, family):
    """With policy DROP in OUTPUT the copies are lost, unless they are accepted as the rules advise."""
    printed = network.firewall.run(program("icmpnatd"), "-c", daemon.path, "--print-rules=iptables").stdout
    advice = "\n".join(line.lstrip("#\t") for line in printed.splitlines() if line.startswith("#\tfor"))
    network.firewall.run(STRICT.format(policy="DROP", action="-A"))
    try:
        assert udp(network.client, family.plain_rejected, timeout=0.2) == TIMED_OUT
        network.firewall.run(advice)
        assert provoked(network, family, "plain-new") == family.public
        network.firewall.run(advice.replace("-I", "-D"))
    finally:
        network.firewall.run(STRICT.format(policy="ACCEPT", action="-D"))
