# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""A directory for a test that becomes another user: everybody can reach it, wherever the checkout and TMPDIR are."""

import contextlib
import pathlib
import stat
import tempfile

EVERYWHERE = "/tmp"  # where every user may look


def others_reach(directory):
    """True if a user who owns none of the directories above may look into this one."""
    path = pathlib.Path(directory).resolve()
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in (path, *path.parents))


@contextlib.contextmanager
def reachable_directory():
    """A new directory, which goes at the end. No directory that was there before is changed."""
    place = tempfile.gettempdir() if others_reach(tempfile.gettempdir()) else EVERYWHERE
    with tempfile.TemporaryDirectory(prefix="icmpnatd.", dir=place) as directory:
        path = pathlib.Path(directory)
        path.chmod(0o755)
        yield path
