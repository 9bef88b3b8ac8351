# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may include whom (see "The house" in the README). Prints each breach and exits 1.

Arrows point one way: main -> daemon -> {config, rules, stats, io, core}; io -> core; core -> nothing.
The client stands aside, but for its doctor -> {ctl, config, rules, io, core}.
"""
import pathlib
import re
import sys

SOURCE = pathlib.Path(__file__).parent.parent / "src"
NETFILTER = re.compile(r"libmnl/|libnetfilter_|linux/netfilter|linux/netlink")
# What the core may have from outside: types, and memory functions. netinet/in.h is protocol numbers.
CORE = {"stdbool.h", "stddef.h", "stdint.h", "string.h", "netinet/in.h"}
# The only files that may include these.
OWNERS = {
    re.compile(r"libconfig\.h"): {"config/tree.c"},
    re.compile(r"libnetfilter_queue/"): {"io/queue.c"},
    re.compile(r"libnetfilter_conntrack/"): {"io/flow.c"},
    re.compile(r"seccomp\.h"): {"io/seccomp.c"},
    re.compile(r"cap-ng\.h"): {"io/privilege.c"},
    re.compile(r"dlfcn\.h"): {"io/library.c"},
    re.compile(r"pcap/"): {"explain.c"},
    re.compile(r"nftables/"): {"io/nftables.c"},
}
IO_MAY = re.compile(r"(io|core)/|(stats|reserve)\.h$")
CONFIG_MAY = re.compile(r"(config|core)/|(config|reserve)\.h$")
CTL_MAY = re.compile(r"ctl/")
DOCTOR_MAY = re.compile(r"(doctor|ctl|io|core)/|(config|rules)\.h$")


def includes(path):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.match(r'\s*#\s*include\s+([<"])([^>"]+)', line)
        if match:
            yield number, match[1] == '"', match[2]


def breaches(path):
    name = path.relative_to(SOURCE).as_posix()
    for number, own, header in includes(path):
        where = f"src/{name}:{number}: {header}"
        for pattern, owners in OWNERS.items():
            if pattern.match(header) and name not in owners:
                yield f"{where}: only {', '.join(sorted(owners))} may include it"
        if name.startswith("core/") and not (header.startswith("core/") if own else header in CORE):
            yield f"{where}: the core knows nothing but itself"
        if name.startswith("io/") and own and not IO_MAY.match(header):
            yield f"{where}: io may only look at core, stats.h and reserve.h"
        if name.startswith("config/") and own and not CONFIG_MAY.match(header):
            yield f"{where}: the configuration knows itself and the core"
        if name.startswith("doctor/") and own and not DOCTOR_MAY.match(header):
            yield f"{where}: doctor judges the host, and asks the daemon by its socket"
        if name.startswith("ctl/") and own and not CTL_MAY.match(header):
            yield f"{where}: the client knows the daemon by its socket alone"
        if not name.startswith("io/") and NETFILTER.match(header):
            yield f"{where}: netlink belongs to io"


found = [b for path in sorted(SOURCE.rglob("*.[ch]")) + sorted(SOURCE.rglob("*.def")) for b in breaches(path)]
print("\n".join(found))
sys.exit(bool(found))
