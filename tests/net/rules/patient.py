# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""A firewall that icmpnatctl doctor examines."""

import json

from lab.daemon import program

LISTINGS = ("nft -s list ruleset; iptables-save; ip6tables-save", "ip -4 rule; ip -6 rule",
            "ip -4 route show table all; ip -6 route show table all", "ip link; ip address", "ls /run/netns")


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


class Patient:
    """The firewall with its daemon, and what doctor says of them."""

    def __init__(self, daemon):
        self.daemon, self.host = daemon, daemon.host

    def examine(self, *options):
        """The findings, after holding the exit status against them."""
        done = self.daemon.ctl("doctor", "--config", self.daemon.path, "--json", *options, check=False)
        return examination(done)

    def complaints(self):
        """All that is not well."""
        return [f for f in self.examine() if f["state"] != "ok"]

    def expect(self, check, *words):
        """The only complaints are problems of this check, and their sentences have these words."""
        found = self.complaints()
        assert found and {f["check"] for f in found} == {check}, found
        assert {f["state"] for f in found} == {"problem"}, found
        assert all(word in f["sentence"] for f in found for word in words), found
        return found

    def follow(self, finding):
        """Runs the command of a finding."""
        self.host.run(finding["mend"].replace("icmpnatd --config", program("icmpnatd") + " --config"))

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
