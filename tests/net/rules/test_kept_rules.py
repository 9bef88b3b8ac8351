# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""The kernel keeps the tables of a daemon that was killed (Linux 6.9, nft 1.1): what it does by itself goes on, and the
next daemon takes them over. Nobody holds them meanwhile: they are as harmless as external rules, and as easily replaced.

   client ===== border ===== firewall       SIGKILL, and no service manager
"""

import json
import re

import pytest

from lab.client import wait_until
from lab.daemon import NO_OWN_RULES, kernel_keeps_tables, kernel_lets_hold_rules, own_tables
from lab.flood import Flood, assert_each_once
from lab.network import V4
from lab.process import guard_of, is_gone
from lab.traffic import Capture
from test_inner_daemon import Counted, expect_translated
from test_own_rules import TABLES, Own, follow, refusal, remove_others, translated


def holder(host):
    """What nft says of whose the tables are: "owner", "persist", both or nothing."""
    line = re.search(r"^\tflags (.*)$", host.run("nft list table ip icmpnatd").stdout, re.M)
    return set(re.split(r",\s*", line[1])) if line else set()


@pytest.fixture
def killed(network):
    """A daemon that was killed, with its guard gone, too."""
    if not kernel_lets_hold_rules(network.firewall):
        pytest.skip(NO_OWN_RULES)
    if not kernel_keeps_tables(network.firewall):
        pytest.skip("this kernel, or this nft, keeps no tables of a killed program (before Linux 6.9, nft 1.1)")
    daemon = Own(network, kernel="auto")
    daemon.start()
    assert holder(network.firewall) == {"owner", "persist"}
    guard = guard_of(daemon.process)
    daemon.kill()
    wait_until(lambda: is_gone(guard) and holder(network.firewall) == {"persist"}, "the tables to be nobody's")
    yield daemon
    if daemon.process:
        daemon.stop()
    remove_others(daemon)
    assert own_tables(network.firewall) == []


def test_the_kernel_goes_on(network, killed):
    """Sources, and what errors quote."""
    assert refusal(network) == translated(V4)
    expect_translated(network, Counted(killed))


@pytest.mark.parametrize("setting", ["own", "auto"])
def test_the_next_one_takes_them_over(network, killed, setting):
    """The default, too: it leaves alone what others have loaded, and these are no others'."""
    killed.setting = setting
    killed.configure()
    counted = killed.rules.counted()
    killed.start()
    assert holder(network.firewall) == {"owner", "persist"}
    assert killed.request("status")[0].count(["rules", "own"]) == 1
    expect_translated(network, Counted(killed))
    assert all(killed.rules.counted()[name] >= n for name, n in counted.items())
    killed.stop()
    assert own_tables(network.firewall) == []


def test_the_next_one_takes_over_without_a_gap(network, killed):
    with Capture(network.router, "fwl", buffer=256 << 20) as border:
        with Flood(network, 1000) as flood:
            wait_until(lambda: flood.sent > 500, "the flood")
            killed.start()
            before = flood.sent
            wait_until(lambda: flood.sent > before + 500, "more of the flood")
        assert_each_once(border, flood)
        assert {error.source for error in border.errors(flood.sent)} == {V4.public}


def test_the_doctor_leaves_them_alone(network, killed):
    """All that is wrong is that no daemon runs, which its start mends."""
    said = killed.ctl("doctor", "--config", killed.path, check=False).stdout
    assert f"no icmpnatd answers on {killed.socket}: what it would read leaves" in said
    assert f"the capture rules of {killed.path} are in force" in said
    assert "systemctl start icmpnatd" in said and "--print-rules" not in said and "icmpnatd-rules" not in said


def test_a_trial_changes_nothing(network, killed):
    """nft tries what it is to load before it does."""
    network.firewall.run("nft -c 'table ip icmpnatd { flags owner, persist; }'")
    assert holder(network.firewall) == {"persist"}


def printed(daemon, kind=""):
    return follow(daemon, f"icmpnatd -c {daemon.path} --print-rules{kind}").stdout


def only_one(network, table):
    """Another table of them is gone, as when somebody has removed one by hand."""
    other, = set(TABLES) - {table}
    network.firewall.run(f"nft delete {other}")


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("kind, loader", [("", "nft -f -"), ("=mixed", "sh"), ("=direct", "nft -f -")])
def test_others_can_be_loaded_in_their_place(network, killed, kind, loader, table):
    """Text for a table without that flag would be refused. What was saved to a file meanwhile is good later, too."""
    only_one(network, table)
    text = printed(killed, kind)
    for _ in range(2):
        network.firewall.run("sh", "-c", loader, input=text)
        assert holder(network.firewall) == set()
    assert "destroy" not in printed(killed, kind)


@pytest.mark.parametrize("kind", ["iptables", "iptables-direct"])
def test_others_of_iptables_remove_them(network, killed, kind):
    """They would queue errors a second time."""
    assert follow(killed, f"icmpnatd -c {killed.path} --print-rules={kind} | sh").returncode == 0
    assert own_tables(network.firewall) == []


def test_an_external_daemon_says_what_to_do(network, killed):
    killed.setting = "external"
    killed.configure()
    killed.start()
    assert holder(network.firewall) == {"persist"}
    said, = re.findall("warning: a killed daemon's own rules are in force: replace them by (.*)", killed.log())
    assert follow(killed, said).returncode == 0
    assert holder(network.firewall) == set()
    assert refusal(network) == translated(V4)


@pytest.mark.parametrize("setting", ["own", "auto"])
@pytest.mark.parametrize("table", TABLES)
def test_one_of_them_is_taken_over(network, killed, table, setting):
    only_one(network, table)
    killed.setting = setting
    killed.configure()
    killed.start()
    assert holder(network.firewall) == {"owner", "persist"} and sorted(own_tables(network.firewall)) == TABLES
    expect_translated(network, Counted(killed))


def test_one_of_them_and_one_of_somebody_else_are_replaced(network, killed):
    only_one(network, TABLES[1])
    network.firewall.nft("table ip icmpnatd { chain c { type filter hook input priority 0; }; }")
    killed.start()
    assert holder(network.firewall) == {"owner", "persist"}
    expect_translated(network, Counted(killed))


@pytest.mark.parametrize("setting", ["own", "auto"])
def test_those_of_another_version_are_replaced(network, killed, setting):
    """Where it has the same chains at another place, say."""
    remove_others(killed)
    network.firewall.nft("table ip icmpnatd { flags persist; chain output { type filter hook output priority 7; }; }")
    killed.setting = setting
    killed.configure()
    killed.start()
    assert holder(network.firewall) == {"owner", "persist"}
    assert "priority 7" not in network.firewall.run("nft list table ip icmpnatd").stdout
    expect_translated(network, Counted(killed))
    assert "warning" not in killed.log(), killed.log()


def test_they_can_be_removed(network, killed):
    remove_others(killed)
    assert own_tables(network.firewall) == []
    assert "destroy" not in printed(killed)
    assert follow(killed, f"icmpnatd -c {killed.path} --print-rules=none | sh").stderr == ""


def test_what_is_saved_of_them_comes_back_as_them(network, killed):
    """As at the next boot, from a listing of all rules; the daemon takes them over then."""
    saved = network.firewall.run("nft list table ip icmpnatd; nft list table ip6 icmpnatd").stdout
    remove_others(killed)
    network.firewall.run("nft", "-f", "-", input=saved)
    assert own_tables(network.firewall) == TABLES and holder(network.firewall) == {"persist"}
    killed.start()
    assert holder(network.firewall) == {"owner", "persist"}
    expect_translated(network, Counted(killed))


def test_another_that_is_refused_leaves_them(network, killed):
    """A daemon whose queue is taken never gets to them."""
    with Own(network, queue="number = 7;") as other:
        with pytest.raises(AssertionError, match="another program holds"):
            killed.start()
        killed.process = None
        assert json.loads(other.ctl("status", "--json").stdout)["rules"] == "own"
