# SPDX-License-Identifier: GPL-2.0-or-later
"""The probes of icmpnatctl doctor meet what an error meets on this host, and nothing else.

   outside:  clients, one after the other -> public sides of maps, hosts behind, this host
   twin:     its rules, what holds its queues, its routes with several next hops, its sensors
"""

import contextlib

import pytest

from lab.daemon import MAPS, configuration
from lab.network import V4
from patient import Patient


@pytest.fixture(scope="module")
def patient(daemon):
    return Patient(daemon)


@pytest.fixture
def undo(patient):
    """Commands that make the firewall healthy again."""
    with contextlib.ExitStack() as stack:
        yield lambda command: stack.callback(patient.host.run, command)


def test_translated_before_it_is_routed(patient, undo):
    """Addresses that no route of this host leads inside, but a rule."""
    patient.host.nft("table ip other { chain in { type nat hook prerouting priority dstnat; ip daddr 1.2.9.0/24 dnat to "
                     f"{V4.dmz}; }}; }}")
    undo("nft delete table ip other")
    maps = MAPS + [("10.9.0.0/24", "1.2.9.0/24"), ("10.8.0.0/24", "1.2.8.0/24")]
    patient.reconfigure(configuration(maps, control=patient.daemon.socket))
    try:
        found = patient.expect("addresses", "1.2.8.0/24 is not routed here")
        assert len(found) == 1
    finally:
        patient.reconfigure(configuration(control=patient.daemon.socket))
