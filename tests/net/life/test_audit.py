# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""In audit, what is on the wire is what would be there without icmpnatd, and its counters are those of a live run;
whatever happens to the daemon, each error is there once.

   client ==> datagrams ==> firewall ===== errors, as the kernel makes them =====> border: compared, counted
                            a copy of what must be read ==> queue ==> icmpnatd ==> nowhere
"""

import contextlib
import json
import os
import re
import signal

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6

from lab.client import ping, wait_until
from lab.daemon import NO_OWN_RULES, Daemon, Rules, kernel_lets_hold_rules, pause, paused, program, waiting
from lab.flood import Flood, assert_each_once
from lab.manager import Manager
from lab.network import FAMILIES, ROUTER_MAC, V4
from lab.process import guard_of, is_gone
from lab.traffic import Capture, Error, bad_checksums, send_frames

AUDIT = 'mode = "audit"; '
KINDS = [(None, "never"), (None, "auto"), ("iptables", "auto"), ("own", "outer")]
OF_ERRORS = {"outcome", "type", "rules", "flow"}
TOO_LARGE = 1400


class OwnRules(Rules):
    """The daemon loads them."""
    load = unload = staticmethod(lambda: None)


def audit_daemon(network, kind=None, mode=AUDIT, maker=Daemon, **options):
    """Its rules are of a kind, or its own."""
    daemon = maker(network, more=mode, **options)
    if kind != "own":
        daemon.rules = Rules(network.firewall, daemon.path, kind=kind)
        return daemon
    if not kernel_lets_hold_rules(network.firewall):
        pytest.skip(NO_OWN_RULES)
    daemon.rules = OwnRules(network.firewall, daemon.path)
    change(daemon, lambda text: text.replace('rules = "external"', 'rules = "own"'))
    return daemon


def change(daemon, how):
    with open(daemon.path) as file:
        text = file.read()
    daemon.write(how(text))


# --- byte for byte


def frames(family):
    """One that is rejected, one that may make no further hop, and one that is too large, for each sort of host."""
    made = []
    for i, host in enumerate((family.plain_rejected, family.nat_rejected, family.stateless)):
        for hops, size in ((64, 20), (2, 20), (64, TOO_LARGE)):
            inner = UDP(sport=40000 + i, dport=33434) / (b"x" * size)
            if family.version == 4:
                packet = IP(src=family.client, dst=host, ttl=hops, id=7, flags="DF") / inner
            else:
                packet = IPv6(src=family.client, dst=host, hlim=hops, fl=5) / inner
            made.append(bytes(packet))
    return made


def without_id(packet):
    """A packet without its IP id, and the sum over it."""
    return packet if packet[0] >> 4 == 6 else packet[:4] + packet[6:10] + packet[12:]


def on_the_wire(network):
    """All that the firewall sends towards the border about the frames of both families, in order."""
    network.forget()
    sent = [frame for family in FAMILIES for frame in frames(family)]
    with Capture(network.router, "fwl") as border:
        send_frames(network.client, "eth0", ROUTER_MAC, sent)
        assert ping(network.client, V4.public)  # the answer comes behind the errors
        border.errors(len(sent))
        packets = [p for p in border.received if Error.parse(p)]
    assert len(packets) == len(sent) and bad_checksums(packets) == []
    return [without_id(packet) for packet in packets]


def counted(network, daemon):
    """What a daemon counts of the frames, and how often each map was applied."""
    account = daemon.account()
    wire = on_the_wire(network)
    wait_until(lambda: account.counted()["queue", "received"] == daemon.rules.queued(), "all copies")
    maps = json.loads(daemon.ctl("maps", "--json").stdout)["maps"]
    return wire, account.counted(), [(m["private"], m["hits"]) for m in maps]


@pytest.mark.parametrize("kind, kernel", KINDS, ids=["all read", "in place", "iptables", "own"])
def test_the_wire_is_as_without(network, kind, kernel):
    """And the counters are as in a live run, but for the verdicts."""
    bare = on_the_wire(network)
    with audit_daemon(network, kind, kernel=kernel) as daemon:
        wire, audited, audited_maps = counted(network, daemon)
    assert wire == bare
    with audit_daemon(network, kind, mode="", kernel=kernel) as daemon:
        wire, live, live_maps = counted(network, daemon)
    assert wire != bare
    for group in OF_ERRORS:
        assert {k: n for k, n in audited.items() if k[0] == group} == {k: n for k, n in live.items() if k[0] == group}
    assert audited_maps == live_maps
    assert live["verdict", "rewritten"] > 0 and live["verdict", "dropped"] == 0
    assert {k: n for k, n in audited.items() if k[0] == "verdict"} == {
        ("verdict", "dropped"): live["verdict", "rewritten"] + live["verdict", "accepted"]}


def test_what_the_kernel_would_translate_is_read(network):
    """And counted by its outcome, as the kernel would count it."""
    def outcomes(mode):
        with audit_daemon(network, "own", mode=mode, kernel="auto") as daemon:
            _, seen, _ = counted(network, daemon)
        return seen, {name: seen["outcome", name] + seen["rules", name] for name in ("outer", "both", "inner")}
    audited, of_audit = outcomes(AUDIT)
    live, of_live = outcomes("")
    assert of_audit == of_live
    assert live["rules", "both"] == audited["outcome", "both"] > 0
    assert live["queue", "received"] < audited["queue", "received"]


def test_kinds_without_copies_are_refused(network):
    daemon = audit_daemon(network)
    for kind in "direct", "iptables-direct":
        done = network.firewall.run(program("icmpnatd"), "--config", daemon.path, "--print-rules=" + kind, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f'{daemon.path}: mode is "audit": rules of the kind "{kind}" ')


# --- whatever happens to the daemon


@contextlib.contextmanager
def flooded(network, daemon, rate=2000):
    """Each datagram sent meanwhile must be answered once, and as the kernel does."""
    with Capture(network.router, "fwl", buffer=256 << 20) as border:
        with Flood(network, rate, V4.stateless) as flood:
            wait_until(lambda: border.errors(), "the first errors")
            yield flood
        assert_each_once(border, flood)
        assert {error.source for error in border.errors(flood.sent)} == {V4.firewall}


@pytest.fixture(params=[None, "own"], ids=["external", "own"])
def daemon(network, request):
    with audit_daemon(network, request.param) as daemon:
        yield daemon


def wait_for_copies(network):
    wait_until(lambda: waiting(network.firewall) > 0, "copies in the queue")


def test_killed(network, daemon):
    """What is queued goes with the daemon, and the guard lets nothing of it go."""
    guard = guard_of(daemon.process)
    with flooded(network, daemon):
        pause(daemon.process.pid)
        wait_for_copies(network)
        daemon.kill()
        wait_until(lambda: is_gone(guard), "the guard to end")
    os.truncate(daemon.log_path, 0)
    daemon.start()


def test_hung(network, daemon):
    """Also when the guard empties the queue, and takes no more."""
    with flooded(network, daemon):
        with paused(daemon.process.pid):
            wait_for_copies(network)
            wait_until(lambda: waiting(network.firewall) == 0, "the guard")
        wait_until(lambda: "all workers move" in daemon.log(), "the daemon to go on")
    before = daemon.stats()["queue", "received"]
    with flooded(network, daemon, rate=100):
        wait_until(lambda: daemon.stats()["queue", "received"] > before, "copies")


def test_stopped_with_copies_in_the_queue(network, daemon):
    with flooded(network, daemon):
        with paused(daemon.process.pid):
            wait_for_copies(network)
            daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(60) == 0
        daemon.process = None
    daemon.start()


def test_never_started(network, daemon):
    """Nobody listens: copies do not pass by the queue."""
    daemon.stop()
    with flooded(network, daemon):
        pass


def test_reloaded_and_upgraded(network, daemon):
    account = daemon.account()
    with flooded(network, daemon, rate=1000) as flood:
        for _ in range(3):
            daemon.ctl("reload")
            daemon.ctl("upgrade")
    account.expect(both=flood.sent)
    assert account.counted()["verdict", "dropped"] == flood.sent


def test_rules_that_come_and_go(network, daemon):
    with flooded(network, daemon, rate=1000):
        daemon.rules.load()
        daemon.rules.unload()
        daemon.rules.load()


def test_overloaded(network):
    """The file asks for a full queue to pass."""
    with audit_daemon(network, queue='length = 1; overload = "pass";') as daemon:
        with flooded(network, daemon):
            with paused(daemon.process.pid):
                wait_until(lambda: waiting(network.firewall) == 1, "a copy in the queue")
                wait_until(lambda: int(network.firewall.run("cat /proc/net/netfilter/nfnetlink_queue")
                                       .stdout.split()[5]) > 100, "a full queue")
        assert daemon.stats()["kernel", "queue-dropped"] > 100


def test_a_reload_does_not_change_it(network, daemon):
    change(daemon, lambda text: text.replace(AUDIT, ""))
    done = daemon.ctl("reload", check=False)
    assert done.returncode == 1 and "mode can only be changed by a restart" in done.stderr


def restart_in_another_mode(daemon, how):
    """As a service manager does it, which keeps the queue."""
    daemon.process.send_signal(signal.SIGUSR1)
    os.kill(daemon.process.pid, signal.SIGCONT)
    assert daemon.process.wait(10) == 0
    daemon.hear_all()
    change(daemon, how)
    daemon.start()


@pytest.mark.parametrize("kind", [None, "own"], ids=["external", "own"])
@pytest.mark.parametrize("first", [AUDIT, ""], ids=["going live", "going back"])
def test_a_restart_changes_it(network, first, kind):
    """With packets in the queue, and rules that change only later: each error leaves once. Rules of which iptables
    has a part are not replaced at once: they go before others come."""
    daemon = audit_daemon(network, kind, first, Manager)
    with contextlib.closing(daemon), daemon:
        with Capture(network.router, "fwl", buffer=256 << 20) as border:
            def see_more():
                seen = len(border.errors())
                wait_until(lambda: len(border.errors()) > seen + 100, "more errors")
            with Flood(network, 1000, V4.stateless) as flood:
                see_more()
                pause(daemon.process.pid)
                wait_for_copies(network)
                restart_in_another_mode(
                    daemon, lambda text: text.replace(AUDIT, "") if first else AUDIT + text)
                see_more()
                if daemon.rules.kind != "nft":
                    daemon.rules.unload()
                daemon.rules.load()
                see_more()
            assert_each_once(border, flood)
            assert border.errors(flood.sent)[-1].source == (V4.public if first else V4.firewall)


def printed(network, mode):
    """The rules of a mode, with what a queue does while nobody reads it in place of the queue."""
    daemon = audit_daemon(network, mode=mode)
    rules = network.firewall.run(program("icmpnatd"), "--config", daemon.path, "--print-rules=nft").stdout
    return re.sub(r"queue (flags bypass )?to \d+", lambda queue: "accept" if queue[1] else "drop", rules)


@pytest.mark.parametrize("first", [AUDIT, ""], ids=["going live", "going back"])
def test_copies_that_find_the_rules_of_the_other_mode(network, first):
    """These come when a copy was made, before it is in output: each error leaves once."""
    before = re.sub(r"(table ip6?) icmpnatd", r"\1 before", printed(network, first))
    after = printed(network, "" if first else AUDIT)
    bare = on_the_wire(network)
    network.firewall.nft(before + "flush chain ip before output\nflush chain ip6 before output\n")
    network.firewall.nft(after + "flush chain ip icmpnatd postrouting\nflush chain ip6 icmpnatd postrouting\n")
    try:
        assert on_the_wire(network) == bare
    finally:
        network.firewall.nft("\n".join(f"delete table {ip} {name}" for ip in ("ip", "ip6") for name in ("before", "icmpnatd")))


# --- what is said of it


def test_it_is_said(network, daemon):
    said = "nothing is changed on the wire"
    assert said in daemon.log()
    for arguments in (["status"], ["stats"], ["stats", "--check"], ["watch", "--count", "1", "--interval", "0.1"]):
        assert said in daemon.ctl(*arguments).stdout
    assert json.loads(daemon.ctl("status", "--json").stdout)["mode"] == "audit"
    counters = json.loads(daemon.ctl("stats", "--json").stdout)["counters"]
    assert {"group": "mode", "name": "audit", "value": 1} in counters
    assert "\nicmpnatd_mode_audit 1\n" in daemon.ctl("stats", "--prometheus").stdout
    findings = json.loads(daemon.ctl("doctor", "--json", check=False).stdout)
    about, = [f for f in findings if said in f["sentence"]]
    assert (about["check"], about["state"]) == ("daemon", "note")


def test_the_doctor_says_what_would_be(network, daemon):
    """The host's rules are those of an audit; in the twin, errors leave as when live."""
    findings = json.loads(daemon.ctl("doctor", "--json", check=False).stdout)
    seen = {f["check"]: f for f in findings if f["state"] == "ok"}
    assert "are in force" in seen["rules"]["sentence"]
    sentences = [f["sentence"] for f in findings if f["check"] == "new-flow"]
    for family in FAMILIES:
        assert any(s.endswith(f"leaves by eth0 from {family.public}") for s in sentences), sentences
