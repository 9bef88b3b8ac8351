# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""What icmpnatctl doctor tells to write into the configuration is written there, into the file that it names, and the
commands beside it are run: then the complaint is gone.

   ill host -> doctor: editor FILE # setting = value; then COMMAND -> FILE, COMMAND -> doctor: all is well
"""

import re

from lab.daemon import MAPS, configuration
from scenes import kernel_npt
from inspector import holding

INSIDE, OUTSIDE = "fd00:2::/48", "2001:db8:2::/48"


def write(patient, text):
    patient.daemon.write(text)
    patient.daemon.rules.load()


def test_queue_of_another_program(patient):
    """The daemon gets another one, as do the rules."""
    daemon = patient.daemon
    daemon.stop()
    try:
        with holding(patient.host, 0):
            finding, = [f for f in patient.complaints() if f["check"] == "queue"]
            file, restart = re.fullmatch(r"editor (\S+) # queue: number = ..., one that nobody holds; then (.+)",
                                         finding["mend"]).groups()
            assert file == daemon.path
            daemon.write(configuration(control=daemon.socket, queue="number = 7;"))
            patient.follow({"mend": restart})
            patient.mend(patient.expect("rules", "not those"))
    finally:
        if daemon.process:
            daemon.stop()
        write(patient, configuration(control=daemon.socket))
        daemon.start()


def test_npt(network, patient):
    """Where the kernel translates by RFC 6296."""
    daemon = patient.daemon
    with kernel_npt(network, INSIDE, OUTSIDE):
        patient.reconfigure(configuration([*MAPS, (INSIDE, OUTSIDE)], control=daemon.socket))
        try:
            finding, = patient.expect("stateless", "IPv6: ", "quotes a packet to 2001:db8:2:")
            file, setting = re.fullmatch(r"editor (\S+) # maps: (npt = true;) where the rules translate by NPTv6, and only there",
                                         finding["mend"]).groups()
            assert file == daemon.path
            patient.reconfigure(configuration([*MAPS, (INSIDE, OUTSIDE, setting)], control=daemon.socket))
            assert patient.complaints() == []
        finally:
            patient.reconfigure(configuration(control=daemon.socket))
