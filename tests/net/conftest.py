# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""The network tests run in a sandbox, which this file enters before pytest looks at any of
them: ICMPNATD=/path/icmpnatd ICMPNATCTL=/path/icmpnatctl pytest tests/net"""

import os
import shutil
import sys

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

pytest.register_assert_rewrite("lab", "expected", "patient", "same")  # so that their assertions say what they saw, too

from lab import sandbox  # noqa: E402
from lab.daemon import Daemon, program  # noqa: E402
from lab.network import FAMILIES, Network  # noqa: E402
from expected import Stage  # noqa: E402

why_not = None


def pytest_cmdline_main(config):
    global why_not
    try:
        sandbox.enter([sys.executable, "-B", "-m", "pytest", "-p", "no:cacheprovider",
                       *config.invocation_params.args])
    except sandbox.Unavailable as reason:
        why_not = str(reason)


@pytest.fixture(scope="session", autouse=True)
def possible():
    """Skips the tests, with the reason, where they cannot run."""
    if why_not or not sandbox.inside():
        pytest.skip(why_not or "not in a sandbox: name tests/net on the command line")
    for name in "ICMPNATD", "ICMPNATCTL":
        if name not in os.environ:
            pytest.skip(f"{name} does not name the program")


@pytest.fixture(scope="module")
def network(possible):
    network = Network()
    yield network
    network.close()


@pytest.fixture(scope="module")
def daemon(network):
    """icmpnatd with its capture rules."""
    with Daemon(network) as daemon:
        yield daemon


@pytest.fixture
def own_program(tmp_path, monkeypatch):
    """A copy of icmpnatd that the test may replace; daemons that are started meanwhile run it."""
    copy = tmp_path / "icmpnatd"
    shutil.copy(program("icmpnatd"), copy)
    monkeypatch.setenv("ICMPNATD", str(copy))
    return copy


@pytest.fixture(params=FAMILIES, ids=["IPv4", "IPv6"])
def family(request):
    return request.param


@pytest.fixture(params=["plain", "nat"])
def via(request):
    """How the firewall handles the destination."""
    return request.param


@pytest.fixture
def stage(network, daemon, family, via):
    network.forget()
    return Stage(network, daemon, family, via)
