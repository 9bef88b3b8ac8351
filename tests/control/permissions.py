# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""For every request that help lists, who gets an answer to it. The manual has the same table (icmpnatctl(8), WHO MAY
WHAT); a user who is not in the group cannot even connect."""

PEOPLE = "stranger", "member", "root", "owner"
MAY_READ = {"member", "root", "owner"}
MAY_CHANGE = {"root", "owner"}
REQUESTS = {
    "status": MAY_READ,
    "stats": MAY_READ,
    "explain": MAY_READ,
    "maps": MAY_READ,
    "reload": MAY_CHANGE,
    "upgrade": MAY_CHANGE,
    "help": MAY_READ,
}
