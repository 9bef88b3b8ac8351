# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""What the tests of icmpnatctl doctor have in common."""

import contextlib

import pytest

from patient import Patient


@pytest.fixture(scope="module")
def patient(daemon):
    return Patient(daemon)


@pytest.fixture
def undo(patient):
    """Takes commands that make the firewall healthy again."""
    with contextlib.ExitStack() as stack:
        yield lambda command: stack.callback(patient.host.run, command)
