# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""A client with a private address, which reaches the firewall's networks without NAT."""

import contextlib

CUSTOMER = {4: ("100.64.0.10", "100.64.0.1", 10, ("1.2.3.0/24", "192.168.1.0/24")),
            6: ("fd64::10", "fd64::1", 64, ("2001:db8:1::/64", "fd00:1::/64"))}


@contextlib.contextmanager
def a_customer(network, family):
    """The client uses a private address towards the firewall's networks, and nobody translates it."""
    own, router, length, there = CUSTOMER[family.version]
    network.router.add_address(f"{router}/{length}", "cli")
    network.client.add_address(f"{own}/{length}", "eth0")
    for prefix in there:
        network.client.run(f"ip -{family.version} route add {prefix} via {family.router} src {own}")
    try:
        yield
    finally:
        for prefix in there:
            network.client.run(f"ip -{family.version} route del {prefix}")
        network.client.run(f"ip addr del {own}/{length} dev eth0")
        network.router.run(f"ip addr del {router}/{length} dev cli")
