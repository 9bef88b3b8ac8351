# SPDX-License-Identifier: GPL-2.0-or-later
"""What may follow the quoted packet (RFC 4884), and what becomes of it by policy."""
import craft
from craft import extension, interface, mpls
from scene import MAPS, PRIVATE, PUBLIC, Golden, error, quoted

UNIT = {4: 4, 6: 8}
MPLS, INTERFACE_PRIVATE, INTERFACE_PUBLIC = mpls(), interface(index=2, ip="10.1.2.3"), interface(ip="198.51.100.1")
LONG = craft.tcp(data=bytes(range(256)) + b"an odd end")


def length_field(version, quote):
    """The second word of a message with the length of RFC 4884 in it (4.1 to 4.5)."""
    words = len(quote) // UNIT[version]
    return words << 16 if version == 4 else words << 24


def compliant(version, side, structure, body, rest=0, **keywords):
    """A message with the quote padded to at least 128 bytes, its length told."""
    quote = craft.padded(quoted(version, body, side), 128, UNIT[version])
    return error(version, side[version].firewall, quote + structure, rest=rest | length_field(version, quote), **keywords)


def old(version, side, structure, body, **keywords):
    """A message from before RFC 4884 (5.5): exactly 128 bytes of quote, no length."""
    return error(version, side[version].firewall, craft.padded(quoted(version, body, side)[:128]) + structure, **keywords)


def without(version, side, body, cut=None, **keywords):
    """The same message without a structure: no padding either, and a length of 0."""
    return error(version, side[version].firewall, quoted(version, body, side, cut), **keywords)


def case(name, sentence, version, before, after, policy, outcome="both", make=compliant, body=None, **keywords):
    """The structure before and after; after=None: removed, and the padding with it."""
    body = body or craft.udp()
    if after is not None:
        expected = make(version, PUBLIC, after, body, **keywords)
    else:
        cut = None if make is compliant else 128
        rest = {"rest": keywords["rest"]} if "rest" in keywords else {}
        expected = without(version, PUBLIC, body, cut, **rest, **{k: v for k, v in keywords.items() if k != "rest"})
    return Golden(name, sentence, make(version, PRIVATE, before, body, **keywords), expected, outcome, MAPS[version],
                  extensions=policy)


def passed():
    same = "extensions = pass: the structure stays byte for byte, its own sum too (RFC 4884, 7)."
    for version in 4, 6:
        for name, structure in (
                ("mpls", extension(MPLS)),
                ("interface", extension(INTERFACE_PRIVATE)),
                ("bad-sum", extension(MPLS, sum_of=0xbad1)),
                ("no-sum", extension(MPLS, sum_of=0))):
            yield case(f"ipv{version}-extension-pass-{name}", same, version, structure, structure, "pass")
    yield case("ipv4-extension-pass-old", same + " No length: the old form (5.5).", 4, extension(MPLS), extension(MPLS),
               "pass", make=old)
    yield case("ipv4-extension-pass-mtu", "The length stands beside the MTU of the next hop (RFC 4884, 4.1).", 4,
               extension(MPLS), extension(MPLS), "pass", code=4, rest=1400)
    yield case("ipv4-extension-pass-long-quote", "A quote longer than 128 bytes, padded to whole words (RFC 4884, 4.1).",
               4, extension(MPLS), extension(MPLS), "pass", body=LONG)
    yield case("ipv4-extension-pass-padding-for-ports", "What is padding is no port: the quote's own end counts "
               "(RFC 4884, 3; RFC 5508, 4.2, REQ-3d).", 4, extension(MPLS), extension(MPLS), "pass",
               body=craft.opaque(craft.UDP_, b""))


def removed():
    whole = "extensions = strip: the structure and the padding go, the length becomes 0 (RFC 4884, 5.4)."
    for version in 4, 6:
        yield case(f"ipv{version}-extension-strip", whole, version, extension(MPLS), None, "strip")
        yield case(f"ipv{version}-extension-strip-no-padding", whole, version, extension(MPLS), None, "strip",
                   body=craft.opaque(craft.UNKNOWN, bytes(range(128))))
        yield case(f"ipv{version}-extension-strip-odd", whole + " What is left is an odd number of bytes.", version,
                   extension(MPLS), None, "strip", body=craft.udp(data=craft.TEXT + b"!"))
    yield case("ipv4-extension-strip-time-exceeded", whole, 4, extension(MPLS, INTERFACE_PRIVATE), None, "strip", kind=11,
               code=0)
    yield case("ipv4-extension-strip-parameter", whole + " The pointer stays.", 4, extension(MPLS), None, "strip",
               kind=12, code=0, rest=8 << 24)
    yield case("ipv6-extension-strip-time-exceeded", whole, 6, extension(MPLS), None, "strip", kind=3, code=0)
    yield case("ipv4-extension-strip-mtu", whole + " The MTU stays.", 4, extension(MPLS), None, "strip", code=4, rest=1400)
    yield case("ipv4-extension-strip-bad-sum", whole, 4, extension(MPLS, sum_of=0xbad1), None, "strip")
    yield case("ipv4-extension-strip-old", whole + " The old form (5.5).", 4, extension(MPLS), None, "strip", make=old,
               body=LONG)
    yield case("ipv4-extension-strip-old-padding", whole + " The old form (5.5).", 4, extension(MPLS), None, "strip",
               make=old)
    yield case("ipv6-extension-strip-old", whole + " The old form (5.5).", 6, extension(MPLS), None, "strip", make=old,
               body=LONG)


def private_removed():
    """strip-private: interface information and node identification that tell something; the rest stays."""
    addresses = (("ipv4", interface(ip="10.1.2.3")), ("ipv6", interface(ip="fd42::9")),
                 ("index-and-ipv4", INTERFACE_PRIVATE), ("name", interface(name="eth1.42")),
                 ("everything", interface(2, "10.1.2.3", "eth1", 1500)),
                 ("public-with-name", interface(ip="198.51.100.1", name="eth1")),
                 ("node", interface(ip="10.1.2.3", number=5)), ("node-name", interface(name="fw1", number=5)))
    for name, information in addresses:
        yield case(f"ipv4-extension-private-{name}", "An object that tells a private address or a name goes, the others "
                   "stay; the structure is summed again (RFC 5837, 4; RFC 4884, 7).", 4,
                   extension(MPLS, information, mpls(42)), extension(MPLS, mpls(42)), "strip-private")
    for name, information in (("ipv4", INTERFACE_PUBLIC), ("ipv6", interface(ip="2001:db8::1")),
                              ("index", interface(index=7)), ("mtu", interface(mtu=1500)),
                              ("node", interface(ip="198.51.100.1", number=5))):
        yield case(f"ipv4-extension-public-{name}", "An object that tells nothing private stays (RFC 5837, 4).", 4,
                   extension(information, MPLS), extension(information, MPLS), "strip-private")
    yield case("ipv6-extension-private", "The same in IPv6 (RFC 5837, 4).", 6, extension(interface(ip="fd42::9"), MPLS),
               extension(MPLS), "strip-private")
    yield case("ipv6-extension-private-only", "No object is left: the structure goes (RFC 4884, 7).", 6,
               extension(interface(ip="fd42::9")), None, "strip-private")
    yield case("ipv4-extension-private-only", "No object is left: the structure goes (RFC 4884, 7).", 4,
               extension(INTERFACE_PRIVATE, interface(name="lo", role=1)), None, "strip-private")
    yield case("ipv4-extension-private-no-sum", "A structure without a sum stays without (RFC 4884, 7).", 4,
               extension(MPLS, INTERFACE_PRIVATE, sum_of=0), extension(MPLS, sum_of=0), "strip-private")
    zero = craft.ext_object(1, 1, b"\xdd\xf5\1\1")  # with which the words of the structure add up to 0xffff
    yield case("ipv4-extension-private-sum-becomes-ffff", "A computed 0 is written as 0xffff: 0 means that there is no "
               "sum (RFC 4884, 7).", 4, extension(zero, INTERFACE_PRIVATE), extension(zero), "strip-private")
    yield case("ipv4-extension-private-old", "The old form, one object fewer (RFC 4884, 5.5).", 4,
               extension(INTERFACE_PRIVATE, MPLS), extension(MPLS), "strip-private", make=old, body=LONG)
    yield case("ipv4-extension-private-none", "A structure without objects tells nothing.", 4, extension(), extension(),
               "strip-private")


def unreadable():
    """What cannot be read may tell anything, so it goes."""
    objects = craft.ext_object
    structures = (
        ("bad-sum", extension(MPLS, sum_of=0xbad1), "its sum is wrong"),
        ("version", extension(MPLS, version=1), "its version is not 2"),
        ("too-short", b"\x20\x00", "it is shorter than its own header"),
        ("object-cut", extension(MPLS)[:-2], "an object ends beyond the message"),
        ("object-header-cut", extension(MPLS, b"\0\4"), "there is half of an object's header"),
        ("object-empty", extension(b"\0\0\1\1"), "an object is shorter than its header"),
        ("object-odd", extension(b"\0\5\1\1x\0\0\0"), "an object is not of whole words"),
    )
    for name, structure, why in structures:
        yield case(f"ipv4-extension-unreadable-{name}", f"Of a structure of which nobody can say what it tells "
                   f"nothing is left: {why} (RFC 4884, 7 and 8).", 4, structure, None, "strip-private")
    for name, payload in (("family", b"\0\7\0\0" + craft.address("198.51.100.1")), ("no-address", b""),
                          ("long-family", b"\0\7\0\0" + bytes(16)), ("short-ipv4", b"\0\1\0\0"),
                          ("short-ipv6", b"\0\2\0\0" + bytes(12))):
        yield case(f"ipv4-extension-unreadable-{name}", "An address that cannot be read is taken for a private one "
                   "(RFC 5837, 4.2).", 4, extension(MPLS, objects(2, 4, payload)), extension(MPLS), "strip-private")
    yield case("ipv4-extension-unreadable-index", "Not even the index is there, and an address is announced "
               "(RFC 5837, 4.1).", 4, extension(MPLS, objects(2, 12, b"")), extension(MPLS), "strip-private")


def no_extension():
    """What looks like one and is none."""
    def whole(side, tail, **keywords):
        return error(4, side[4].firewall, craft.padded(quoted(4, craft.udp(), side)) + tail, **keywords)

    def plain(name, sentence, policy="strip", **keywords):
        structure = keywords.pop("structure")
        return Golden(name, sentence, whole(PRIVATE, structure, **keywords), whole(PUBLIC, structure, **keywords), "both",
                      MAPS[4], extensions=policy)

    is_quote = "Without a length, and not sound at byte 128: it is no extension (RFC 4884, 5.5)."
    for name, structure in (("no-sum", extension(MPLS, sum_of=0)), ("bad-sum", extension(MPLS, sum_of=0xbad1)),
                            ("version", extension(MPLS, version=1)), ("only-header", extension())):
        yield plain(f"ipv4-extension-old-{name}", is_quote, structure=structure)
    yield plain("ipv4-extension-length-of-all", "The length says that there is nothing but the quote (RFC 4884, 4.1).",
                structure=b"", rest=32 << 16)
    for kind, rest, name in (2, 1400, "too-big"), (4, 40, "parameter"):
        quotes = [craft.padded(quoted(6, craft.udp(), side), 128, 8) + extension(MPLS) for side in (PRIVATE, PUBLIC)]
        yield Golden(f"ipv6-extension-{name}", "This type has no length field, and no extension: the word is an MTU or "
                     "a pointer (RFC 4884, 4.6).", error(6, PRIVATE[6].firewall, quotes[0], kind=kind, code=0, rest=rest),
                     error(6, PUBLIC[6].firewall, quotes[1], kind=kind, code=0, rest=rest), "both", MAPS[6],
                     extensions="strip")


def stripped_alone():
    """The addresses are right, the structure is not."""
    for version in 4, 6:
        for name, policy, after in (("", "strip", None), ("-private", "strip-private", extension(MPLS))):
            before = compliant(version, PUBLIC, extension(MPLS, INTERFACE_PRIVATE), craft.udp())
            expected = without(version, PUBLIC, craft.udp()) if after is None else \
                compliant(version, PUBLIC, after, craft.udp())
            yield Golden(f"ipv{version}-extension-stripped-alone{name}", "Nothing but the structure was wrong (RFC 5837, "
                         "6).", before, expected, "stripped", MAPS[version], extensions=policy)
    before = compliant(4, PRIVATE, extension(INTERFACE_PRIVATE), craft.udp())
    yield Golden("ipv4-extension-stripped-leak", "No map covers the source: the structure goes all the same.", before,
                 without(4, PRIVATE, craft.udp()), "leaked-outer", extensions="strip-private")


def goldens():
    for part in passed, removed, private_removed, unreadable, no_extension, stripped_alone:
        yield from part()
