# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""With rules = "own" the daemon holds the capture rules: no other program's change of the rules removes them, they
follow the interfaces, and they end with the daemon. What becomes of them when it is killed, is in test_kept_rules.py.

   client ===== border ===== firewall       nft flush ruleset, nft -f, delete, SIGKILL, reload
"""

import contextlib
import os
import re
import time
from pathlib import Path

import pytest

from lab.client import TIMED_OUT, Reaction, ping, udp, wait_until
from lab.daemon import (MAPS, NO_OWN_RULES, Daemon, Rules, configuration, kernel_has_nft_queue, kernel_keeps_tables,
                        kernel_lets_hold_rules, own_tables, pause, paused, program, waiting)
from lab.flood import Flood, assert_each_once
from lab.network import V4
from lab.process import guard_of, is_gone
from lab.traffic import Capture
from many import Flooded, configure, hosts

TABLES = ["table ip icmpnatd", "table ip6 icmpnatd"]


class NoRules(Rules):
    """The test loads nothing: the daemon does, or nobody."""
    load = unload = staticmethod(lambda: None)


class Own(Daemon):
    def __init__(self, network, rules="own", **options):
        self.setting, self.outside = rules, '"eth0"'
        super().__init__(network, rules=NoRules(network.firewall, None), **options)

    def configure(self, maps=MAPS):
        self.write(configuration(maps, self.queue, self.socket, self.setting, self.outside,
                                 kernel=self.kernel))


def follow(daemon, command):
    """Runs a command that the daemon has printed, word for word, where it finds the programs to be tested."""
    return daemon.host.run(f"PATH={os.path.dirname(program('icmpnatd'))}:$PATH\n{command}", check=False)


def remove_others(daemon):
    follow(daemon, f"icmpnatd -c {daemon.path} --print-rules=none | sh")


def refusal(network, family=V4):
    return udp(network.client, family.plain_rejected)


def translated(family):
    return Reaction("refused", family.public, *((3, 3) if family is V4 else (1, 4)))


@pytest.fixture(scope="module")
def capable(network):
    return kernel_lets_hold_rules(network.firewall)


@pytest.fixture
def own(network, capable):
    if not capable:
        pytest.skip(NO_OWN_RULES)
    with Own(network) as daemon:
        yield daemon
    assert own_tables(network.firewall) == []


@pytest.fixture
def firewall_file(network, tmp_path):
    """The firewall's rule set without ours, as a file that replaces everything, like /etc/nftables.conf."""
    rules = network.firewall.run("nft list table ip lab; nft list table ip6 lab").stdout
    path = tmp_path / "nftables.conf"
    path.write_text("flush ruleset\n" + rules)
    return path


def flush(network, file):
    network.firewall.run(f"nft flush ruleset; nft -f {file}")


def load_whole_firewall(network, file):
    network.firewall.run(f"nft -f {file}")


def restart_service(network, file):
    """What the unit of nftables does when it is restarted, with this file for its own."""
    unit = network.firewall.run("cat /lib/systemd/system/nftables.service").stdout
    for key in "ExecStop=", "ExecStart=":
        command, = [line[len(key):] for line in unit.splitlines() if line.startswith(key)]
        network.firewall.run(command.replace("/etc/nftables.conf", str(file)))


def delete(network, file):
    for family in "ip", "ip6":
        done = network.firewall.run(f"nft delete table {family} icmpnatd", check=False)
        assert "Operation not permitted" in done.stderr


@pytest.mark.parametrize("change", [flush, load_whole_firewall, restart_service, delete])
def test_nobody_disarms_them(network, own, firewall_file, family, change):
    assert refusal(network, family) == translated(family)
    change(network, firewall_file)
    assert own_tables(network.firewall) == TABLES
    assert refusal(network, family) == translated(family)


def wait_for_their_end(host, killed):
    """Of the daemon's tables when it has ended: a socket goes, or the kernel keeps them."""
    if killed and kernel_keeps_tables(host):
        wait_until(lambda: "owner" not in host.run("nft list table ip icmpnatd").stdout, "the tables to be nobody's")
    else:
        wait_until(lambda: own_tables(host) == [], "the tables to go")


def test_a_killed_daemon_harms_nothing(network, capable):
    """What it would have translated leaves as the kernel makes it."""
    if not capable:
        pytest.skip(NO_OWN_RULES)
    try:
        with Own(network) as daemon:
            assert own_tables(network.firewall) == TABLES
            daemon.kill()
            wait_for_their_end(network.firewall, killed=True)
            assert refusal(network) == TIMED_OUT
            assert ping(network.client, V4.public)
    finally:
        remove_others(daemon)


def refusal_of_own_rules(daemon):
    """The last line of a daemon that is started again, is to have rules of its own, and ends."""
    daemon.stop()
    daemon.setting = "own"
    daemon.configure()
    with pytest.raises(AssertionError):
        daemon.start()
    daemon.process = None
    return daemon.log().splitlines()[-1]


def test_a_second_one_is_refused(network, own):
    with Own(network, rules="external", queue="number = 7;") as second:
        last = refusal_of_own_rules(second)
    assert last == 'icmpnatd: another program holds the tables icmpnatd: stop it, or set rules = "external"'
    assert refusal(network) == translated(V4)


@contextlib.contextmanager
def parked(network, daemon, address):
    """Five errors wait meanwhile, and neither the daemon nor its guard lets them go: they must still be there
    at the end. (When a chain of a hook goes, be it one that was only tried, the kernel drops all that is queued.)"""
    with Capture(network.router, "fwl") as border:
        with paused(daemon.process.pid, guard_of(daemon.process)):
            for _ in range(5):
                udp(network.client, address, timeout=0)
            wait_until(lambda: waiting(network.firewall) == 5, "five errors to wait")
            yield
            assert waiting(network.firewall) == 5
        assert [error.source for error in border.errors(5)] == 5 * [V4.public]


def test_one_that_is_refused_drops_nothing_that_waits(network, own):
    """It tries what the kernel can before it finds that the tables are taken."""
    second = Own(network, rules="auto", queue="number = 7;")
    with parked(network, own, V4.plain_rejected), pytest.raises(AssertionError, match="another program holds"):
        second.start()


def test_one_that_leaves_other_rules_alone_drops_nothing_that_waits(network, capable):
    """Those that somebody has loaded are of a kind with fewer chains."""
    if not capable:
        pytest.skip(NO_OWN_RULES)
    with Daemon(network) as daemon:
        daemon.rules.unload()
        daemon.rules.kind = "direct"
        daemon.rules.load()
        with parked(network, daemon, V4.stateless), Own(network, rules="auto", queue="number = 7;") as second:
            assert second.request("status")[0].count(["rules", "external"]) == 1


def kill(own):
    """It has packets in its queue for sure."""
    pause(own.process.pid)
    wait_until(lambda: waiting(own.host) > 0, "errors to wait")
    own.kill()


@pytest.mark.parametrize("end", [Daemon.stop, kill], ids=["stop", "kill"])
def test_their_end_loses_nothing(network, own, end):
    """They go when nothing is queued any more: with a chain the kernel drops what is queued. Errors that come
    while tables are taken away, or are nobody's, may be copies that are not translated, but each is there once."""
    guard = guard_of(own.process)
    with Capture(network.router, "fwl", buffer=256 << 20) as border:
        with Flood(network, 1000) as flood:
            for _ in range(5):
                time.sleep(0.2)
                end(own)
                wait_until(lambda: is_gone(guard), "the guard to end")
                wait_for_their_end(network.firewall, killed=end is kill)
                own.process = None
                time.sleep(0.1)
                own.start()
                guard = guard_of(own.process)
        assert_each_once(border, flood)


def test_a_reload_changes_them_without_a_gap(network, own):
    """Under load, every error is translated while the outside interfaces change, and none is doubled."""
    with Capture(network.router, "fwl", buffer=256 << 20) as border:
        with Flood(network) as flood:
            for outside in ['"eth0", "eth1"', '"eth0"'] * 5:
                own.outside = outside
                own.configure()
                own.ctl("reload")
                chain = network.firewall.run("nft list chain ip icmpnatd postrouting").stdout
                assert chain.count("goto emitted.") == outside.count("eth")
        assert ping(network.client, V4.public)
        assert_each_once(border, flood)
        assert {error.source for error in border.errors(flood.sent)} == {V4.public}


def test_a_reload_changes_many_maps_without_a_gap(network, own):
    """Thousands and the firewall's own, in one transaction under load: each error leaves once, with one of the two
    public sources, whether the kernel gave it or the daemon had to read the error."""
    pairs = list(hosts(int(os.environ.get("MAPS", "10000"))))
    configure(own, pairs, rules="own")
    own.ctl("reload")
    with Capture(network.router, "fwl", buffer=256 << 20) as border:
        with Flooded(network, border) as both:
            for public in [V4.public2, V4.public] * 2:
                configure(own, pairs, public, "own")
                own.ctl("reload")
        assert both.arrived() == [0, 0]
        publics = {V4.public, V4.public2}
        assert both.seen(both.plain) == {(public, V4.plain_rejected) for public in publics}
        assert both.seen(both.stateless) == {(public, V4.stateless) for public in publics}
    assert own.rules.counted()["outer"] > 0


def test_an_upgrade_keeps_them(network, own):
    """They belong to a socket, which is passed on: no gap, and the next one can still change them."""
    with Capture(network.router, "fwl", buffer=256 << 20) as border:
        with Flood(network, 500) as flood:
            for _ in range(5):
                own.ctl("upgrade")
                assert own_tables(network.firewall) == TABLES
        assert_each_once(border, flood)
        assert {error.source for error in border.errors(flood.sent)} == {V4.public}, own.log()
    own.outside = '"eth0", "eth1"'
    own.configure()
    own.ctl("reload")
    assert 'oifname "eth1"' in network.firewall.run("nft list chain ip icmpnatd postrouting").stdout
    assert refusal(network) == translated(V4)
    own.stop()
    assert own_tables(network.firewall) == []


@contextlib.contextmanager
def policy(network):
    """An IPsec policy, for what nobody sends."""
    what = "dir out src 1.2.3.0/24 dst 192.0.2.99"
    network.firewall.run(f"ip xfrm policy add {what} tmpl src 1.2.3.1 dst 192.0.2.99 proto esp mode tunnel")
    try:
        yield
    finally:
        network.firewall.run(f"ip xfrm policy delete {what}")


def expect(daemon, **outcomes):
    """A client is refused by a public address."""
    account = daemon.account()
    assert refusal(daemon.network) == translated(V4)
    account.expect(**outcomes)


def test_they_heed_ipsec_policies(network, capable):
    """While there are any, nothing is changed in place, for it would not be asked for them."""
    if not capable:
        pytest.skip(NO_OWN_RULES)
    with Own(network, kernel="auto") as daemon:
        expect(daemon, nobody=1)
        with policy(network):
            wait_until(lambda: "policies came" in daemon.log(), "the daemon to see the policy")
            expect(daemon, outer=1)
        wait_until(lambda: "policies went" in daemon.log(), "the daemon to see that there is none")
        expect(daemon, nobody=1)


def test_external_rules_do_not_follow_ipsec_policies(network):
    """The log says so; loaded again, they heed them."""
    with Daemon(network, kernel="auto") as daemon:
        with policy(network):
            wait_until(lambda: "load what icmpnatd --print-rules prints" in daemon.log(), "the warning")
            expect(daemon, nobody=1)
            daemon.rules.load()
            expect(daemon, outer=1)


def test_a_reload_that_is_refused_keeps_them(network, own):
    own.write("outside = [")
    assert own.ctl("reload", check=False).returncode != 0
    assert own_tables(network.firewall) == TABLES
    assert refusal(network) == translated(V4)


def test_they_know_an_interface_that_is_not_there(network, own):
    """They go by its name, so that it may come, go and be made anew without a change of the rules."""
    own.outside = '"eth0", "late0"'
    own.configure()
    own.ctl("reload")
    assert 'oifname "late0"' in network.firewall.run("nft list chain ip icmpnatd postrouting").stdout
    assert refusal(network) == translated(V4)


def test_the_default_leaves_other_rules_alone(network, capable):
    """Somebody has loaded the tables: they stay, and a firewall that loads them again still can."""
    with Own(network, rules="auto") as daemon:
        assert daemon.request("status")[0].count(["rules", "own" if capable else "external"]) == 1
    plain = "table ip icmpnatd { chain c { type filter hook input priority 0; }; }\n"
    network.firewall.nft(plain)
    try:
        with Own(network, rules="auto") as daemon:
            assert daemon.request("status")[0].count(["rules", "external"]) == 1
            network.firewall.nft(plain)
            command = re.search(r" by (icmpnatd .*?)(, or set rules = \"own\"|)$", daemon.log(), re.M)[1]
            assert follow(daemon, command).returncode == 0
            assert refusal(network) == translated(V4)
    finally:
        remove_others(daemon)


def test_own_rules_replace_others(network, capable):
    if not capable:
        pytest.skip(NO_OWN_RULES)
    network.firewall.nft("table ip icmpnatd { chain c { type filter hook input priority 0; }; }")
    with Own(network):
        assert "chain c {" not in network.firewall.run("nft list table ip icmpnatd").stdout
        assert refusal(network) == translated(V4)


@pytest.fixture(scope="module")
def lack(network):
    """What this kernel lacks, and how other rules are loaded instead."""
    if kernel_has_nft_queue(network.firewall):
        return "tables with an owner need Linux 5.12 and nft 0.9.9", "--print-rules | nft -f -"
    return "nft of this kernel cannot queue: it has no module nft_queue", "--print-rules=mixed | sh"


def test_a_kernel_that_cannot_is_refused(network, capable, lack):
    if capable:
        pytest.skip("this kernel lacks nothing")
    what, instead = lack
    network.firewall.nft("table inet fwfilter { chain forward { }; }")  # at which nft would guess
    try:
        with Own(network, rules="external") as daemon:
            assert refusal_of_own_rules(daemon) == (
                f'icmpnatd: no capture rules of our own ({what}): set rules = "external", and load others by '
                f"icmpnatd -c {daemon.path} {instead}")
            command = daemon.log().rpartition(" load others by ")[2]
        assert own_tables(network.firewall) == []
        with Own(network, rules="external") as daemon:
            assert follow(daemon, command).returncode == 0
            assert refusal(network) == translated(V4)
    finally:
        remove_others(daemon)
        network.firewall.run("nft delete table inet fwfilter")


def test_the_lines_in_question(network):
    """What is printed where rules cannot be loaded, shows which of them: here, what queues."""
    source = (Path(__file__).parents[3] / "src/rules/own.c").read_text()
    command, = re.findall(r'the lines in question: (.*)"', source)
    daemon = Own(network)
    done = follow(daemon, command % daemon.path)
    queues = kernel_has_nft_queue(network.firewall)
    assert (done.returncode == 0) == queues, done
    assert queues or re.search(r"queue flags bypass to 0\n\s+\^", done.stderr), done
