# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Tools that hold the rules of a site: what they load (from sites/), of which part a healthy site is made ill, and how
each comes by the rules that doctor told to give it. The tools themselves are not here: their commands do nothing but
note that they were called, and what the tool would do with its files then is done by load(). That the real tools do
so was tried with the versions that the files in sites/ name."""

import re
from pathlib import Path

SITES = Path(__file__).parent / "sites"
PLACES = "/usr/share/nftables.d", "/etc/ufw", "/etc/shorewall"  # /etc/shorewall6, too
COMMANDS = "fw4", "firewall-cmd", "ufw", "shorewall", "shorewall6"


class Site:
    """Rules of a tool, on a host; what it keeps in files is below a directory."""
    called = ()  # commands by which the tool loads its rules again
    ill_in = (4, 6)  # versions of IP
    check = "new-flow"  # that complains then

    def __init__(self, host, directory):
        self.host, self.root = host, directory
        self.ill = False
        for place in PLACES:
            (directory / place[1:]).mkdir(parents=True)
        (directory / "etc/shorewall6").mkdir()
        (directory / "calls").touch()
        (directory / "bin").mkdir()
        for name in COMMANDS:
            script = directory / "bin" / name
            script.write_text(f'#!/bin/sh\necho "{name} $*" >>{directory}/calls\n')
            script.chmod(0o755)
        self.prepare()

    def prepare(self):
        """Makes the files of the tool that the administrator edits."""

    def run(self, command):
        """Runs a command as the administrator of the site would."""
        for place in PLACES:
            command = command.replace(place, f"{self.root}{place}")
        return self.host.run(f"PATH={self.root}/bin:$PATH; {command}")

    def calls(self):
        return (self.root / "calls").read_text().splitlines()

    def load(self):
        """Loads the rules, from the tool's files, in place of those that are loaded."""
        raise NotImplementedError

    def unload(self):
        raise NotImplementedError


class NftSite(Site):
    """In one table."""
    name = table = None

    def text(self):
        raise NotImplementedError

    def load(self):
        self.host.nft(f"table {self.table}\ndelete table {self.table}\n{self.text()}")

    def unload(self):
        self.host.nft(f"delete table {self.table}")

    def data(self):
        return (SITES / f"{self.name}.nft").read_text()


class Debian(NftSite):
    """Nobody but the administrator; ill: what leaves is dropped by policy, and no error is taken for related."""
    name, table = "debian", "inet filter"

    def text(self):
        rules = ("policy drop;\n\t\tct state established,new accept\n"
                 "\t\ticmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept")
        return re.sub(r"(hook output .*)policy accept;", rf"\1{rules}", self.data()) if self.ill else self.data()


class Fw4(NftSite):
    """Puts what is in its directories at the beginning of a chain; ill: as it is shipped, where there is stateless NAT,
    for the zone wan has masquerading and not "option masq_allow_invalid 1"."""
    name, table, called, ill_in, check = "fw4", "inet fw4", ["fw4 reload"], (4,), "stateless"

    def settings(self, text):
        """The rules by the settings of the site."""
        return text if self.ill else re.sub(r"\t.*oifname \"eth0\" ct state invalid counter drop\n", "", text)

    def text(self):
        text = self.settings(self.data())
        for file in sorted(self.root.glob("usr/share/nftables.d/chain-pre/*/*.nft")):
            head = re.compile(rf"(chain {file.parent.name} {{\n.*\n(?:\t\toif \"lo\" accept\n)?)")
            text = head.sub(lambda begin: begin[1] + file.read_text(), text)
        return text


class Fw4Reject(Fw4):
    """Ill: "option output REJECT" in the zone wan, with rules that let NTP and IPv6's neighbours pass."""
    ill_in, check = (4, 6), "new-flow"

    def settings(self, text):
        but = "\t\tudp dport 123 accept\n\t\ticmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept\n"
        calls = but + "\t\tjump reject_to_wan" if self.ill else "\t\tjump accept_to_wan"
        text = text.replace("chain output_wan {\n\t\tjump accept_to_wan", "chain output_wan {\n" + calls)
        return re.sub(r"\t.*oifname \"eth0\" ct state invalid counter drop\n", "", text)


class Firewalld(NftSite):
    """Ill: a policy for what leaves, "firewall-cmd --permanent --policy out --set-target REJECT", lets NTP and
    IPv6's neighbours pass."""
    name, table, called = "firewalld", "inet firewalld", ["firewall-cmd --reload"]

    def text(self):
        policies, text = [], self.data()
        given = "\n".join(self.calls())
        if "--policy icmpnatd --set-priority -100" in given:
            assert "--policy icmpnatd --add-ingress-zone HOST" in given and "icmpnatd --add-egress-zone ANY" in given
            types = re.findall(r"--policy icmpnatd --add-rich-rule rule family=ipv(\d) icmp-type name=(\S+) accept", given)
            rules = [f"{'icmp' if version == '4' else 'icmpv6'} type {name} accept" for version, name in types]
            policies.append(("icmpnatd", rules, []))
        if self.ill:
            passes = ["udp dport 123 accept", "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept"]
            policies.append(("out", passes, ["reject with icmpx admin-prohibited"]))
        chains = "".join(self.policy(*policy) for policy in policies)
        jumps = "".join(f"\t\tjump filter_OUT_policy_{name}\n" for name, *_ in policies)
        begin = "\tchain filter_OUTPUT_POLICIES_pre {\n"
        assert begin in text
        return text.replace(begin, chains + begin + jumps)

    @staticmethod
    def policy(name, rules, target):
        chain = f"filter_OUT_policy_{name}"
        steps = {step: [] for step in ("pre", "log", "deny", "allow", "post")} | {"allow": rules}
        chains = "".join(f"\tchain {chain}_{step} {{\n" + "".join(f"\t\t{r}\n" for r in rules) + "\t}\n"
                         for step, rules in steps.items())
        jumps = [f"jump {chain}_{step}" for step in steps] + target
        return chains + f"\tchain {chain} {{\n" + "".join(f"\t\t{r}\n" for r in jumps) + "\t}\n"


class IptablesSite(Site):
    """In the tables of both families."""
    name = None
    versions = (4, 6)

    def text(self, version):
        return (SITES / f"{self.name}.{version}").read_text()

    def load(self):
        for version in self.versions:
            self.host.run("iptables-nft-restore" if version == 4 else "ip6tables-nft-restore", input=self.text(version))

    def unload(self):
        self.host.run("for p in iptables-nft ip6tables-nft; do for t in filter nat; do $p -t $t -F; $p -t $t -X; done; "
                      "for c in INPUT FORWARD OUTPUT; do $p -P $c ACCEPT; done; done")
        self.host.run("nft delete table ip nat; nft delete table ip6 nat", check=False)


class Docker(IptablesSite):
    """Holds nothing of OUTPUT's filter; ill: the administrator drops there what is in no state that he knows."""
    name, versions, ill_in = "docker", (4,), (4,)

    def load(self):
        super().load()
        if self.ill:
            self.host.run("iptables-nft -A OUTPUT -m conntrack ! --ctstate NEW,ESTABLISHED,RELATED -j DROP")


class Ufw(IptablesSite):
    """Reads its chains *-before-* from files, which accept errors of IPv6; ill: "ufw default deny outgoing"."""
    name, called, ill_in = "ufw", ["ufw reload"], (4,)

    def prepare(self):
        for v in "", "6":
            (self.root / f"etc/ufw/before{v}.rules").write_text(
                f"*filter\n:ufw{v}-before-input - [0:0]\n:ufw{v}-before-output - [0:0]\n# End required lines\n\n"
                f"-A ufw{v}-before-output -o lo -j ACCEPT\nCOMMIT\n")

    def text(self, version):
        text, v = super().text(version), "6" if version == 6 else ""
        if self.ill:
            text = re.sub("(:OUTPUT|policy-output -j) ACCEPT", r"\1 DROP", text)
            text = re.sub(r"-A ufw6?-track-output .*\n", "", text)
        first = f"-A ufw{v}-before-output -o lo -j ACCEPT\n"
        assert first in text
        given = (self.root / f"etc/ufw/before{v}.rules").read_text().partition("# End required lines\n")[2]
        return text.replace(first, "".join(re.findall(r"-A .*-p .*\n", given)) + first)


class BesideUfw(Ufw):
    """Ill: before the chains of ufw, the administrator drops what is in no state that he knows."""
    called = ()

    def text(self, version):
        ill, self.ill = self.ill, False
        text = super().text(version)
        self.ill = ill
        return text.replace("-A OUTPUT -j", "-A OUTPUT -o eth0 -m conntrack --ctstate INVALID,UNTRACKED -j DROP\n"
                            "-A OUTPUT -j", version == 4 and ill)


class Shorewall(IptablesSite):
    """Runs its file start when it has loaded its rules; ill: INVALID_DISPOSITION and UNTRACKED_DISPOSITION=DROP, with
    rules that let IPv6's neighbours pass."""
    name, called = "shorewall", ["shorewall reload", "shorewall6 reload"]
    neighbours = "".join(f"-I {chain} -p ipv6-icmp --icmpv6-type {message} -j ACCEPT\n"
                         for chain in ("INPUT", "OUTPUT") for message in (135, 136))

    def text(self, version):
        return super().text(version) if not self.ill else super().text(version).replace(
            "--ctstate RELATED,ESTABLISHED -j ACCEPT", "--ctstate INVALID,UNTRACKED -j DROP").replace(
            "COMMIT", "-I fw-net -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
            "-I net-fw -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
            + self.neighbours * (version == 6) + "COMMIT")

    def load(self):
        super().load()
        for v in "", "6":
            start = self.root / f"etc/shorewall{v}/start"
            if start.exists():
                self.host.run(f'run_iptables() {{ ip{v}tables-nft "$@" || exit 1; }}; . {start}')
