# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Programs of the tests, which are built beside the daemon."""

import os

import pytest

from lab.daemon import program


def helper(path):
    """The program at a path below tests/net in the daemon's build, or the one that the environment names instead. Skips
    the test where there is none."""
    name = os.path.basename(path)
    found = os.environ.get(name.upper(), os.path.join(os.path.dirname(program("icmpnatd")), "../tests/net", path))
    if not os.path.exists(found):
        pytest.skip(f"the helper {name} is not beside the daemon")
    return found
