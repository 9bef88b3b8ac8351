# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Configurations at random, each of them good: hosts, prefixes one to one, by NPTv6, many to one and to pools,
nested in each other, for one interface or any, for one part or both, and exceptions. What is public never has a map of
its own that changes it, for that would be refused."""

import ipaddress

# What is translated lies in these, and becomes something in PUBLIC.
PRIVATE = {4: ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "16.0.0.0/4"],
           6: ["fc00::/7", "fe80::/10", "2001:db8::/32", "2600::/12"]}
PUBLIC = {4: "64.0.0.0/3", 6: "2a00::/7"}
ALL = {4: "0.0.0.0/0", 6: "2000::/3"}
INTERFACES = ["wan-1.100", "ppp_0", "br@x", "eth1"]
PARTS = ["", "", "", " part outer", " part outer", " part inner"]


class RandomMaps:
    """One configuration: text of the file, and of the table of maps. What is wanted now and then goes by its number
    in a run, so that a run has enough of everything."""

    private = PRIVATE

    def __init__(self, random, number):
        self._random, self._number, self._taken, self._blocks = random, number, set(), {4: [], 6: []}
        self.outside = ["eth0", *random.sample(INTERFACES, number % 4)]
        self.lookup = {3: "always", 9: "never"}.get(number % 12, "auto")
        self.extensions = {1: "strip-private", 2: "pass", 4: "strip", 5: "translate-addresses"}.get(number % 6, "translate")
        self.private_peers = {2: "leave"}.get(number % 7, "auto")
        self.kernel = {5: "never"}.get(number % 12, "auto")
        self.hop_names = ""
        self.errors = {2: "all", 7: "all"}.get(number % 12, "local")
        self.mode, self.rules = "live", "external"
        self.table = "".join(line + "\n" for line in self._lines())

    def settings(self, table):
        names = ", ".join(f'"{name}"' for name in self.outside)
        return (f'outside = [ {names} ];\nmaps_file = "{table}";\nlookup = "{self.lookup}";\n'
                f'extensions = "{self.extensions}";\nkernel = "{self.kernel}";\nerrors = "{self.errors}";\n{self.hop_names}'
                f'private_peers = "{self.private_peers}";\nmode = "{self.mode}";\nrules = "{self.rules}";\n')

    def _lines(self):
        """Mostly a few maps of each kind; now and then many of one kind, or of one family only."""
        pick = self._number % 12
        kinds = [self._host, self._prefix, self._prefix, self._many, self._pool, self._npt, self._exception]
        count = self._random.randrange(1, 40)
        if pick == 0:
            kinds, count = [self._prefix, self._pool], 300
        elif pick == 6:
            kinds, count = [self._host, self._many], 1000
        versions = {8: (4,), 11: (6,)}.get(pick, (4, 6))
        for _ in range(count):
            yield from self._map(self._random.choice(versions), self._random.choice(kinds))
        if pick in (2, 10) and self.private is PRIVATE:
            yield from self._everything(self._random.choice(versions))
        if pick == 11:
            for _ in range(20):
                yield from self._alone()

    def _map(self, version, kind):
        """A line, or none if there is one for the same prefix and interface already."""
        private = self._block(version)
        outside = self._random.choice(["", "", *self.outside])
        private, public, part = kind(version, private)
        if (private, outside) in self._taken:
            return
        self._taken.add((private, outside))
        self._blocks[version].append(private)
        yield f"{private} {public}{' outside ' * bool(outside)}{outside}{part}"

    def _block(self, version):
        """A prefix to be mapped: anywhere, or within one that is there already."""
        known = self._blocks[version]
        if known and self._random.randrange(3) == 0:
            return self._within(self._random.choice(known))
        return self._within(ipaddress.ip_network(self._random.choice(self.private[version])))

    def _within(self, block, length=None):
        """A prefix of any length, or of this one, in a larger one."""
        most = block.max_prefixlen
        if length is None:
            length = self._random.randint(block.prefixlen, most)
            if self._random.randrange(3) == 0:
                length = min(most, block.prefixlen + self._random.randrange(3))
        bits = self._random.getrandbits(most) & int(block.hostmask) >> (most - length) << (most - length)
        return ipaddress.ip_network((int(block.network_address) | bits, length))

    def _public(self, version, length):
        return self._within(ipaddress.ip_network(PUBLIC[version]), length)

    def _host(self, version, block):
        host = self._within(block, block.max_prefixlen)
        return host, self._public(version, host.prefixlen), self._random.choice(PARTS)

    def _prefix(self, version, block):
        return block, self._public(version, block.prefixlen), self._random.choice(PARTS)

    def _many(self, version, block):
        return block, self._public(version, block.max_prefixlen), self._random.choice(["", " part outer"])

    def _pool(self, version, block):
        length = self._random.randint(block.prefixlen, block.max_prefixlen)
        return block, self._public(version, length), self._random.choice(["", " part outer"])

    def _npt(self, version, block):
        private, public, part = self._prefix(version, block)
        return private, public, part + " npt" * (version == 6 and block.prefixlen <= 64)

    def _alone(self):
        """NPTv6 with exceptions around a single address."""
        block = self._within(ipaddress.ip_network(self.private[6][0]), 64)
        if (block, "") not in self._taken:
            self._taken.add((block, ""))
            first, third = (f"{block.network_address + number}" for number in (0, 2))
            yield f"{block} {self._public(6, 64)} npt"
            yield f"{first} {first}"
            yield f"{third}/127 {third}/127"

    def _exception(self, version, block):
        return block, block, self._random.choice(PARTS)

    def _everything(self, version):
        """Whatever is not said otherwise, becomes one address."""
        if (version, "all") not in self._taken:
            public = PUBLIC[version]
            yield f"{ALL[version]} {self._public(version, 32 if version == 4 else 128)}"
            yield f"{public} {public} part outer"


class OrdinaryMaps(RandomMaps):
    """What is mapped is not what quoted packets' other ends are."""
    private = {4: PRIVATE[4][:-1], 6: PRIVATE[6][:2]}
