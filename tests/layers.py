# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""A room of src/ may look at rooms on the floors below it (see "The house" in the README), and files may
not look at each other in a circle.

Prints each breach and exits 1.
"""
import graphlib
import pathlib
import re
import sys

SOURCE = pathlib.Path(__file__).parent.parent / "src"
NETFILTER = re.compile(r"libmnl/|libnetfilter_|linux/netfilter|linux/netlink")
NETLINK = ("io/", "doctor/route", "doctor/links.", "doctor/vrf.")
# From the ground up.
FLOORS = [{"core"}, {"io", "client"}, {"config"}, {"rules", "engine"}, {"daemon", "doctor"}, {"ctl"}]
# What the core may have from outside: types, and memory functions. netinet/in.h is protocol numbers.
CORE = {"stdatomic.h", "stdbool.h", "stddef.h", "stdint.h", "string.h", "netinet/in.h"}
# The only files that may include these.
OWNERS = {
    re.compile(r"libconfig\.h"): {"config/tree.h"},
    re.compile(r"libnetfilter_queue/"): {"io/queue.c", "io/queue_gate.c"},
    re.compile(r"libnetfilter_conntrack/"): {"io/flow.c"},
    re.compile(r"seccomp\.h"): {"io/seccomp.c"},
    re.compile(r"cap-ng\.h"): {"io/privilege.c"},
    re.compile(r"dlfcn\.h"): {"io/library.c"},
    re.compile(r"pcap/"): {"daemon/pcap_files.c"},
    re.compile(r"nftables/"): {"io/nftables.c"},
}


def floor(name):
    """The floor of a file's room, from 0 up."""
    room = name.partition("/")[0]
    return next(number for number, rooms in enumerate(FLOORS) if room in rooms)


def may_look_at(name, header):
    """Whether a file may include a header of the tree: one of its own room, or of a floor below."""
    return name.partition("/")[0] == header.partition("/")[0] or floor(header) < floor(name)


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
        if own and not may_look_at(name, header):
            yield f"{where}: a room may look at rooms below it"
        if name.startswith("core/") and not own and header not in CORE:
            yield f"{where}: the core knows nothing but itself"
        if not name.startswith(NETLINK) and NETFILTER.match(header):
            yield f"{where}: netlink belongs to io, and to the doctor's routes and links"


def circles(paths):
    """A line for a circle of includes, if there is one. A file and its header count as one."""
    graph = {}
    for path in paths:
        name = path.relative_to(SOURCE).with_suffix("").as_posix()
        below = {header.rpartition(".")[0] for _, own, header in includes(path) if own}
        graph.setdefault(name, set()).update(below - {name})
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        yield "a circle: " + " includes ".join(reversed(error.args[1]))


sources = sorted(SOURCE.rglob("*.[ch]"))
found = [breach for path in sources + sorted(SOURCE.rglob("*.def")) for breach in breaches(path)]
found += circles(sources)
print("\n".join(found))
sys.exit(bool(found))
