# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""With kernel = "auto" the daemon has the kernel translate what errors quote, where it has been proven to do it right; and
does it itself where it must not, cannot, or does it otherwise.
"""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from lab.client import udp
from lab.daemon import MAPS, NO_OWN_RULES, kernel_gives_owners, kernel_lets_hold_rules, own_tables, paused
from lab.manager import Manager
from lab.network import FAMILIES
from lab.process import guard_of
from expected import REFUSED, expect_one
from held import Held
from test_own_rules import Own

RIGHT = "this kernel changes what errors quote as the daemon does\n"


@pytest.fixture
def own(network):
    if not kernel_lets_hold_rules(network.firewall):
        pytest.skip(NO_OWN_RULES)
    with Own(network, kernel="auto") as daemon:
        yield daemon


def kernel_line(daemon):
    return next(line for line in daemon.request("status")[0] if line[0] == "kernel")[1:]


def expect_translated(network, daemon):
    """An error of each family is right, and counted by the daemon, or what stands for it."""
    for family in FAMILIES:
        expect_one(network, daemon, family, REFUSED, lambda f=family: udp(network.client, f.stateless))


class Counted:
    """A daemon's account of what the kernel has done for it."""

    def __init__(self, daemon):
        self.account = Held(daemon.host, daemon.path).account


def test_the_daemon_has_the_kernel_do_it(network, own):
    before = own.stats()["queue", "received"]
    expect_translated(network, Counted(own))
    assert own.stats()["queue", "received"] == before
    assert kernel_line(own) == ["auto"]
    assert own.ctl("stats", "--check").stdout.endswith("every packet is accounted for\n")


def test_the_doctor_knows_the_rules(own):
    said = own.ctl("doctor", check=False).stdout
    assert f"the capture rules of {own.path} are in force" in said, said


def test_an_upgrade_knows_that_the_kernel_is_proven(network, own):
    """The new program can try nothing: the old one has given up what that takes."""
    own.ctl("upgrade")
    assert "upgraded on queue" in own.log()
    expect_translated(network, Counted(own))
    assert kernel_line(own) == ["auto"]


def test_a_hang_does_not_touch_them(network, own):
    with paused(own.process.pid, guard_of(own.process)):
        expect_translated(network, Counted(own))


class Kept(Own, Manager):
    """A daemon whose descriptors a service manager keeps."""


def test_a_kill_does_not_touch_them(network):
    """The manager holds the tables, and the next daemon takes them over."""
    if not kernel_lets_hold_rules(network.firewall):
        pytest.skip(NO_OWN_RULES)
    with Kept(network, kernel="auto") as daemon:
        daemon.hear_all()
        os.kill(guard_of(daemon.process), signal.SIGKILL)
        daemon.kill()
        for start in (lambda: None, daemon.start):
            start()
            expect_translated(network, Counted(daemon))
        assert kernel_line(daemon) == ["auto"]
    daemon.close()
    assert own_tables(network.firewall) == []


@pytest.mark.parametrize("kernel", ["outer", "never"])
def test_the_daemon_does_it_where_the_kernel_must_not(network, own, kernel):
    own.kernel = kernel
    own.configure()
    own.ctl("reload")
    expect_translated(network, own)
    assert kernel_line(own) == [kernel]


def test_a_reload_changes_the_maps_of_the_kernel(network, own):
    own.configure(MAPS[:2] + [("192.168.1.0/24", "1.2.3.0/24"), ("fd00:1::/64", "2001:db8:1::/64")])
    own.ctl("reload")
    expect_translated(network, Counted(own))
    own.configure(MAPS[:2])
    own.ctl("reload")
    for family in FAMILIES:
        account = own.account()
        udp(network.client, family.stateless, timeout=0)
        account.expect(leaked_inner=1)


@pytest.fixture(scope="module")
def other_kernel(tmp_path_factory):
    """Makes the environment of a program one with another kernel."""
    library = tmp_path_factory.mktemp("other") / "other_kernel.so"
    source = Path(__file__).with_name("other_kernel.c")
    subprocess.run(["cc", "-Wall", "-Wextra", "-shared", "-fPIC", "-o", library, source], check=True)
    return lambda kind: {"LD_PRELOAD": str(library), "OTHER_KERNEL": kind}


def plain():
    """The program without sanitizers, which want to be loaded first themselves."""
    return os.environ.get("ICMPNATD_PLAIN") or os.environ["ICMPNATD"]


def prove(network, environment):
    if not kernel_gives_owners(network.firewall):
        pytest.skip("a kernel before 5.12 takes no such rules: there the daemon translates what errors quote")
    settings = [f"{name}={value}" for name, value in environment.items()]
    return network.firewall.run("env", *settings, plain(), "--prove").stdout


def test_this_kernel_is_proven(network):
    assert prove(network, {}) == RIGHT


@pytest.mark.parametrize("kind, why", [
    ("sums", "this kernel changes error 1 of IPv4 otherwise than the daemon\n"),
    ("refuses", "the rules are refused: Operation not permitted\n")])
def test_another_kernel_is_not(network, other_kernel, kind, why):
    assert prove(network, other_kernel(kind)) == why


def test_the_answer_is_left_in_a_file(network, tmp_path):
    answer = tmp_path / "proof"
    assert prove(network, {"ICMPNATD_PROOF": str(answer)}) == ""
    assert answer.read_text() == RIGHT
    assert answer.stat().st_mode & 0o777 == 0o644


def daemon_does_it(network, monkeypatch, environment):
    """A daemon in this environment translates what errors quote itself. Returns its log."""
    if not kernel_lets_hold_rules(network.firewall):
        pytest.skip(NO_OWN_RULES)
    for name, value in {"ICMPNATD": plain(), **environment}.items():
        monkeypatch.setenv(name, value)
    with Own(network, kernel="auto") as daemon:
        monkeypatch.delenv("LD_PRELOAD", raising=False)
        expect_translated(network, daemon)
        return kernel_line(daemon), daemon.log()


def test_another_kernel_is_not_used(network, monkeypatch, other_kernel):
    line, log = daemon_does_it(network, monkeypatch, other_kernel("sums"))
    assert line == ["outer", "(not proven)"]
    assert ("the kernel translates sources alone (this kernel changes error 1 of IPv4 otherwise than the daemon): "
            "the daemon translates what errors quote") in log


def test_a_daemon_that_may_not_try_reads_the_answer(network, monkeypatch, tmp_path):
    answer = tmp_path / "proof"
    line, log = daemon_does_it(network, monkeypatch, {"ICMPNATD_PROOF": str(answer)})
    assert line == ["outer", "(not proven)"]
    assert f"(icmpnatd --prove has left no answer in {answer})" in log


def test_a_kernel_that_refuses_later_is_not_used(network, monkeypatch, other_kernel, tmp_path):
    """As where a security module forbids the daemon what it permits to root."""
    answer = tmp_path / "proof"
    answer.write_text(RIGHT)
    environment = {"ICMPNATD_PROOF": str(answer), **other_kernel("refuses")}
    line, log = daemon_does_it(network, monkeypatch, environment)
    assert line == ["outer", "(refused)"]
    assert "the kernel does not take the rules that translate what errors quote: Operation not permitted;" in log


def test_a_daemon_without_rules_of_its_own_says_nothing_of_it(network, monkeypatch, other_kernel):
    """What is external has the kernel translate no quote, whatever it could do: one line says what to load."""
    if kernel_lets_hold_rules(network.firewall):
        pytest.skip("here the rules are the daemon's own")
    for name, value in {"ICMPNATD": plain(), **other_kernel("sums")}.items():
        monkeypatch.setenv(name, value)
    with Own(network, kernel="auto", rules="auto") as daemon:
        monkeypatch.delenv("LD_PRELOAD")
        assert kernel_line(daemon) == ["outer", "(external rules)"]
        assert "no capture rules of our own" in daemon.log()
        assert "translates sources alone" not in daemon.log()
