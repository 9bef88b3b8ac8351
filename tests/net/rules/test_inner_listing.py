# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""A saved listing of the host's rules, with the tables in it by which the kernel translates what errors quote: it loads,
and what nft has no words for in it does no harm.

   tables ---nft list ruleset---> file ---nft -f---> the same firewall, without the daemon

NFT=PROGRAM lists and loads by another version of nft.
"""

import contextlib
import os
import subprocess

import pytest

from lab.client import ping, udp, wait_until
from lab.daemon import own_tables
from lab.network import FAMILIES, V4
from lab.traffic import Capture, bad_checksums
from test_inner import PREFIXES, held

NFT = os.environ.get("NFT", "nft")


@pytest.fixture
def listing(network, tmp_path):
    with held(network, tmp_path, PREFIXES):
        network.firewall.run(f"{NFT} list ruleset > {tmp_path}/listing")
    path = tmp_path / "listing"
    assert "map @inner.eth0" in path.read_text()
    return path


def test_a_firewall_loads_that_was_saved_with_them(network, listing):
    """As at the next boot, before the daemon: our tables are gone again when nft ends, the others are there."""
    before = network.firewall.run(f"{NFT} list table ip lab").stdout
    with network.without_rules():
        network.firewall.run(f"{NFT} -f {listing}")
        assert network.firewall.run(f"{NFT} list table ip lab").stdout == before
        assert own_tables(network.firewall, NFT) == []


@contextlib.contextmanager
def interactive(network, listing):
    """An nft that has loaded the listing and does not end, so that its tables stay."""
    with network.without_rules():
        nft = network.firewall.start([NFT, "-i"], stdin=subprocess.PIPE, text=True)
        nft.stdin.write(f'include "{listing}"\n')
        nft.stdin.flush()
        try:
            wait_until(lambda: own_tables(network.firewall, NFT), "the listing to be loaded")
            yield
        finally:
            nft.communicate()


def test_what_nft_has_no_words_for_writes_nothing(network, listing):
    """Not one error leaves with a sum that is wrong, or half changed: the private addresses are all there."""
    with interactive(network, listing):
        assert ping(network.client, V4.public)
        with Capture(network.router, "fwl") as border:
            for family in FAMILIES:
                udp(network.client, family.stateless, timeout=0)
            errors = border.errors(2)
    assert bad_checksums([error.packet for error in errors]) == []
    assert {error.source for error in errors} == {family.firewall for family in FAMILIES}
