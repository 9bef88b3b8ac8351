# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""A firewall that icmpnatctl doctor examines."""

import contextlib
import json
import os
import re
import socket
import threading

from lab.daemon import program

LISTINGS = ("nft -s list ruleset; iptables-save; ip6tables-save", "ip -4 rule; ip -6 rule",
            "ip -4 route show table all; ip -6 route show table all", "ip link; ip address", "ls /run/netns")

SERVICE = {"systemctl start icmpnatd": ["start"], "systemctl restart icmpnatd": ["stop", "start"],
           "systemctl disable --now icmpnatd": ["stop"]}

SHOWS = re.compile(r"nft list |ip6?tables\S*-save|ip6?tables\S* -t \S+ -S |ip( -6)? rule($|;)|ip( -[46])? route show |"
                   r"ip -br link|ip xfrm policy list |cat /proc/|tc -s qdisc show|icmpnatctl( -s \S+)? maps$")


def look(run, findings):
    """Runs the commands that are printed to show something: each must be there, and succeed."""
    for finding in findings:
        if SHOWS.match(finding["mend"]):
            run(finding["mend"])
    return findings


def examination(done):
    """The findings of a run with --json, after holding result, order and exit status against them."""
    assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
    *findings, result = json.loads(done.stdout)
    assert all(set(f) == {"check", "state", "sentence", "mend"} for f in findings)
    states = [f["state"] for f in findings]
    expected = next((state for state in ("problem", "unknown") if state in states), "ok")
    assert (result["check"], result["state"]) == ("result", expected)
    assert done.returncode == {"ok": 0, "problem": 1, "unknown": 3}[expected]
    assert states == sorted(states, key=lambda state: state != "unknown"), states
    return findings


def confined(patient, prefix, before="true"):
    """What is found within a program that takes something away, after a command in a mount namespace of its own."""
    return examination(patient.host.run(
        "unshare", "--mount", "sh", "-ec", f'{before}; exec "$@"', "sh", *prefix, program("icmpnatctl"), "-s",
        patient.daemon.socket, "doctor", "--config", patient.daemon.path, "--json", check=False))


@contextlib.contextmanager
def retold(daemon, tell):
    """The path of a socket on which the daemon answers, but for the lines that are told otherwise."""
    path = daemon.directory + "/retold"

    def serve(listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, socket.socket(socket.AF_UNIX) as asked:
                asked.connect(daemon.socket)
                asked.sendall(connection.recv(100))
                with asked.makefile() as answer:
                    connection.sendall("".join(map(tell, answer)).encode())

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        thread = threading.Thread(target=serve, args=[listener])
        thread.start()
        try:
            yield path
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            os.unlink(path)


class Patient:
    """The firewall with its daemon, and what doctor says of them."""

    def __init__(self, daemon):
        self.daemon, self.host = daemon, daemon.host
        self.programs, self._calls = daemon.directory + "/programs", daemon.directory + "/calls"
        os.mkdir(self.programs)
        for name in "icmpnatd", "icmpnatctl":
            os.symlink(program(name), f"{self.programs}/{name}")
        self.stand_in("systemctl")

    def stand_in(self, name, script=""):
        """A program that is not here, or must not do here what it does: it notes its arguments, and runs a script."""
        with open(f"{self.programs}/{name}", "w", opener=lambda *how: os.open(*how, 0o755)) as file:
            file.write(f'#!/bin/sh\necho "{name} $*" >>{self._calls}\n{script}\n')

    def calls(self):
        """What the stand-ins were called with since this was asked last."""
        if not os.path.exists(self._calls):
            return []
        with open(self._calls) as file:
            os.unlink(self._calls)
            return file.read().splitlines()

    def examine(self, *options):
        """The findings, after holding the exit status against them, and a look at what they show."""
        done = self.daemon.ctl("doctor", "--config", self.daemon.path, "--json", *options, check=False)
        return look(self.run, examination(done))

    def complaints(self, *options):
        """All that is not well."""
        return [f for f in self.examine(*options) if f["state"] != "ok"]

    def expect(self, check, *words):
        """The only complaints are problems of this check, and their sentences have these words."""
        found = self.complaints()
        assert found and {f["check"] for f in found} == {check}, found
        assert {f["state"] for f in found} == {"problem"}, found
        assert all(word in f["sentence"] for f in found for word in words), found
        return found

    def run(self, command, check=True):
        """Runs a command in a shell that finds the programs to be tested, and stand-ins for others."""
        return self.host.run(f"PATH={self.programs}:$PATH\n{command}", check=check)

    def follow(self, finding):
        """Runs the command of a finding, word for word, and does in place of systemctl what it was told."""
        done = self.run(finding["mend"])
        for call in self.calls():
            for step in SERVICE.get(call, ()):
                if step == "start" or self.daemon.process:
                    getattr(self.daemon, step)()
        return done

    @contextlib.contextmanager
    def has_table(self, name, text):
        """nft has loaded a text, which makes one table, for a while."""
        self.host.nft(text)
        try:
            yield
        finally:
            self.host.nft(f"delete table {name}")

    @contextlib.contextmanager
    def has_rules(self, kind):
        """The capture rules are of another kind for a while."""
        rules = self.daemon.rules
        usual, rules.kind = rules.kind, kind
        try:
            rules.unload()
            rules.load()
            yield
        finally:
            rules.unload()
            rules.kind = usual
            rules.load()

    def mend(self, found):
        """Does as it is told."""
        for finding in found:
            self.follow(finding)
        assert self.complaints() == []

    def listings(self):
        return [self.host.run(command).stdout for command in LISTINGS]

    def reconfigure(self, text):
        self.daemon.write(text)
        self.daemon.rules.load()
        assert self.daemon.request("reload")[1] == "ok"
