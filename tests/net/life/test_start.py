# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""An icmpnatd that cannot work says why in one line, and exits with 1; with 78 if its file is to blame.

   firewall:  queue 0 <- icmpnatd      a second one, one without privileges, one without its file
"""

from pathlib import Path

import pytest

from lab.client import udp
from lab.daemon import Daemon, program
from lab.network import V4

# root's uid, but not its powers: all that a user namespace has to offer
UNPRIVILEGED = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]


@pytest.fixture
def other(network):
    """A second configuration, with a control socket of its own."""
    return Daemon(network)


def refused(host, *command, status=1):
    failed = host.run(*command, check=False)
    assert failed.returncode == status, failed
    assert len(failed.stderr.splitlines()) == 1, failed.stderr
    return failed.stderr


def test_queue_taken(network, daemon, other):
    message = refused(network.firewall, program("icmpnatd"), "-c", other.path)
    assert "queue 0" in message
    assert udp(network.client, V4.plain_rejected).answer == "refused"  # the first one goes on


def test_no_privilege(network, other):
    message = refused(network.firewall, *UNPRIVILEGED, program("icmpnatd"), "-c", other.path)
    assert "CAP_NET_ADMIN" in message


def test_conntrack_does_not_answer(network, other):
    """As on a kernel without ctnetlink: the answer to the first question is an error."""
    other.configure([])
    inject = ["strace", "-qq", "-o", "/dev/null", "-e", "inject=recvmmsg:error=EINVAL"]
    message = refused(network.firewall, "env", "ASAN_OPTIONS=detect_leaks=0", *inject,
                      program("icmpnatd"), "-c", other.path)
    assert message == ('icmpnatd: conntrack does not answer (Invalid argument): load nf_conntrack_netlink, '
                       'or set lookup = "never"\n')


def test_capability_of_another_namespace(network, other):
    """All capabilities, but of a user namespace that does not own the network."""
    message = refused(network.firewall, "unshare", "--user", "--map-root-user", program("icmpnatd"),
                      "-c", other.path)
    assert "CAP_NET_ADMIN does not hold in this network namespace" in message


def test_no_file(network):
    message = refused(network.firewall, program("icmpnatd"), "-c", "/run/nowhere.conf", status=78)
    assert "/run/nowhere.conf" in message


@pytest.mark.parametrize("option", [(), ("--check",), ("--print-rules",), ("--explain", "/dev/null")], ids=str)
def test_wrong_file(network, other, option):
    """Whatever is to be done with it."""
    Path(other.path).write_text("outside = 5;\n")
    message = refused(network.firewall, program("icmpnatd"), "-c", other.path, *option, status=78)
    assert message.startswith(f"{other.path}:1: outside: expected")


def test_a_file_that_is_being_written_is_no_wrong_file(network, other):
    """The next attempt may find it whole: between two looks at the file its size changes, as strace has it."""
    inject = ["strace", "-qq", "-o", "/dev/null", "-e", "trace=%fstat,read", "-P", other.path, "-e",
              "inject=read:retval=0"]
    message = refused(network.firewall, "env", "ASAN_OPTIONS=detect_leaks=0", *inject, program("icmpnatd"), "-c",
                      other.path)
    assert message == f"{other.path}: it changed while it was read: try again\n"


def test_check_needs_no_privilege(network, other):
    done = network.firewall.run(*UNPRIVILEGED, program("icmpnatd"), "-c", other.path, "--check")
    assert done.stdout == "configuration OK\n"


def test_loads_no_library_in_vain(daemon):
    """Neither what reads captures nor what loads rules, with all that they need: here they are not its own."""
    with open(f"/proc/{daemon.process.pid}/maps") as maps:
        libraries = maps.read()
    assert "libconfig" in libraries
    assert "pcap" not in libraries and "nftables" not in libraries


def test_rules_load_twice(network, daemon):
    before = network.firewall.run("nft -s list ruleset; iptables-save; ip6tables-save").stdout
    daemon.rules.load()
    after = network.firewall.run("nft -s list ruleset; iptables-save; ip6tables-save").stdout
    assert without_dates(after) == without_dates(before)


def without_dates(listing):
    """Its lines in an order of their own: loading puts a table at the end."""
    return sorted(line for line in listing.splitlines() if not line.startswith("#"))
