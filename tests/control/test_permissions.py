# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Every request is answered or refused as permissions.py says, whether root, the daemon's own user, a member of the
group or a stranger sends it. (test_help_lists_what_is_answered: permissions.py has a row for every request.)
"""
import itertools
import os

import pytest

from conftest import GROUP, acting_as, make_daemon, needs_users
from permissions import PEOPLE, REQUESTS

OWNER, OTHER = 4711, 4712
NUMBERS = itertools.count(1)
WHO = {"stranger": (OTHER,), "member": (OTHER, GROUP.gid), "root": (0,), "owner": (OWNER,)}


@pytest.fixture(scope="module")
def of_another_user():
    """A daemon that is not root's and has CAP_NET_ADMIN only; its socket belongs to the group."""
    with make_daemon() as daemon:
        os.chmod(daemon.directory, 0o777)
        yield daemon.start(prefix=["setpriv", f"--reuid={OWNER}", f"--regid={GROUP.gid}", "--clear-groups",
                                   "--inh-caps=+net_admin", "--ambient-caps=+net_admin"])


def state(daemon):
    """What a reload or an upgrade would change."""
    return [row for row in daemon.ask("status") if row[0] in ("upgrades", "loaded")], daemon.ask("maps")


@needs_users
@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize("request_line", REQUESTS)
def test_who_may_what(of_another_user, who, request_line):
    daemon = of_another_user
    daemon.configure(maps=[("192.168.79.1", f"198.20.0.{next(NUMBERS)}")])  # another one each time
    before = state(daemon)
    with acting_as(*WHO[who]):
        if who == "stranger":
            with pytest.raises(PermissionError):
                daemon.connect()
        elif who in REQUESTS[request_line]:
            daemon.ask(request_line)
        else:
            assert daemon.refuse(request_line) == (
                [], f"not permitted: {request_line} is for root and the daemon's own user")
    changed = request_line in ("reload", "upgrade") and who in REQUESTS[request_line]
    assert (state(daemon) != before) == changed
    assert daemon.is_well()
