# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
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


def case(name, sentence, version, before, after, policy, outcome="both", make=compliant, body=None, maps=None, **keywords):
    """The structure before and after; after=None: removed, and the padding with it."""
    body = body or craft.udp()
    if after is not None:
        expected = make(version, PUBLIC, after, body, **keywords)
    else:
        cut = None if make is compliant else 128
        rest = {"rest": keywords["rest"]} if "rest" in keywords else {}
        expected = without(version, PUBLIC, body, cut, **rest, **{k: v for k, v in keywords.items() if k != "rest"})
    return Golden(name, sentence, make(version, PRIVATE, before, body, **keywords), expected, outcome,
                  MAPS[version] if maps is None else maps, extensions=policy)


def passed():
    same = "extensions = pass: the structure stays byte for byte, its own sum too (RFC 4884, 7)."
    for version in 4, 6:
        for name, structure in (
                ("mpls", extension(MPLS)),
                ("interface", extension(INTERFACE_PUBLIC)),
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


def translated():
    """translate: what the interface is known as outside; its index and its name go."""
    becomes = "An address becomes what the maps of outer sources say; index and name go, role and MTU stay, and so do "\
              "other objects (RFC 5837, 4)."
    for version in 4, 6:
        private, public = PRIVATE[version], PUBLIC[version]
        for name, before, after in (
                ("all", interface(2, private.firewall, "eth0", 1500), interface(ip=public.firewall, mtu=1500)),
                ("address", interface(ip=private.firewall), interface(ip=public.firewall)),
                ("prefix", interface(7, private.server), interface(ip=public.server)),
                ("role", interface(2, private.firewall, role=3), interface(ip=public.firewall, role=3)),
                ("long-name", interface(ip=private.firewall, name="a-name-15-bytes", mtu=9000, role=1),
                 interface(ip=public.firewall, mtu=9000, role=1)),
                ("node", interface(ip=private.firewall, name="fw1", number=5), interface(ip=public.firewall, number=5))):
            yield case(f"ipv{version}-extension-translate-{name}", becomes, version, extension(before, MPLS),
                       extension(after, MPLS), "translate")
        yield case(f"ipv{version}-extension-translate-only", becomes, version,
                   extension(interface(2, private.firewall, "eth0", 1500)),
                   extension(interface(ip=public.firewall, mtu=1500)), "translate")
        yield case(f"ipv{version}-extension-translate-unknown", "A private address that no map knows: its object goes.",
                   version, extension(interface(2, "10.1.2.3", mtu=1500), MPLS, interface(ip="fd99::1")), extension(MPLS),
                   "translate")
        yield case(f"ipv{version}-extension-translate-unknown-only", "No object is left: the structure goes.", version,
                   extension(interface(2, "10.1.2.3", mtu=1500)), None, "translate")
    both, other = MAPS[4] + MAPS[6], "The maps of the other family hold, too: a link may have addresses of both."
    for version, family in (4, 6), (6, 4):
        yield case(f"ipv{version}-extension-translate-other-family", other, version,
                   extension(interface(2, PRIVATE[family].firewall, "eth0")),
                   extension(interface(ip=PUBLIC[family].firewall)), "translate", maps=both)
    for name, before, after, why in (
            ("public", interface(ip="198.51.100.1"), interface(ip="198.51.100.1"), "What tells nothing private stays."),
            ("public-with-name", interface(1, "198.51.100.1", "eth1"), interface(ip="198.51.100.1"), "A name goes."),
            ("mtu", interface(2, None, "eth1", 1500), interface(mtu=1500), "An MTU alone stays."),
            ("other-class", craft.ext_object(3, 3, PRIVATE[4].firewall.encode()[:12]),
             craft.ext_object(3, 3, PRIVATE[4].firewall.encode()[:12]), "Other classes are opaque.")):
        yield case(f"ipv4-extension-translate-{name}", why + " (RFC 5837, 4)", 4, extension(MPLS, before),
                   extension(MPLS, after), "translate")
    for name, information in (("index", interface(7)), ("name", interface(name="eth1.42")),
                              ("index-and-name", interface(7, None, "eth1"))):
        yield case(f"ipv4-extension-translate-{name}", "Nothing else is in the object: it goes.", 4,
                   extension(information, MPLS), extension(MPLS), "translate")
    yield case("ipv4-extension-translate-names-only", "No object is left: the structure goes.", 4,
               extension(interface(7, None, "eth1"), interface(7)), None, "translate")
    yield case("ipv4-extension-translate-not-inner", "A map for the inner part only does not hold, nor does an exception: "
               "what would still be private, goes.", 4,
               extension(interface(ip="10.0.0.1"), MPLS, interface(ip="10.0.0.2")), extension(MPLS), "translate",
               maps=MAPS[4] + ("10.0.0.1 -> 1.2.4.1 inner", "10.0.0.2 -> 10.0.0.2"))
    yield case("ipv4-extension-translate-no-sum", "A structure without a sum stays without (RFC 4884, 7).", 4,
               extension(interface(2, PRIVATE[4].firewall), sum_of=0), extension(interface(ip=PUBLIC[4].firewall), sum_of=0),
               "translate")
    yield case("ipv4-extension-translate-old", "The old form (RFC 4884, 5.5).", 4,
               extension(interface(2, PRIVATE[4].firewall, "eth0")), extension(interface(ip=PUBLIC[4].firewall)),
               "translate", make=old, body=LONG)
    yield case("ipv4-extension-translate-none", "A structure without objects tells nothing.", 4, extension(), extension(),
               "translate")


def names_kept():
    """translate-addresses: index and name stay."""
    for version in 4, 6:
        private, public = PRIVATE[version], PUBLIC[version]
        for name, before, after in (
                ("all", (2, private.firewall, "eth0", 1500), (2, public.firewall, "eth0", 1500)),
                ("name", (2, None, "eth0"), (2, None, "eth0"))):
            yield case(f"ipv{version}-extension-addresses-{name}", "The address becomes public, index and name stay.", version,
                       extension(interface(*before), MPLS), extension(interface(*after), MPLS), "translate-addresses")
    yield case("ipv4-extension-addresses-unknown", "A private address that no map knows: its object goes.", 4,
               extension(interface(2, "10.1.2.3", "eth0"), MPLS), extension(MPLS), "translate-addresses")


def not_translated():
    """What cannot be read may tell anything, so it goes."""
    address, objects = b"\0\1\0\0" + craft.address("198.51.100.1"), craft.ext_object
    yield case("ipv4-extension-translate-bad-sum", "Of a structure that is not sound nothing is left (RFC 4884, 7).", 4,
               extension(interface(ip=PRIVATE[4].firewall), sum_of=0xbad1), None, "translate")
    for name, kind, payload in (
            ("family", 4, b"\0\7\0\0" + bytes(16)), ("no-address", 4, b""), ("no-index", 12, b""),
            ("short-ipv6", 4, b"\0\2\0\0" + bytes(12)), ("no-name", 6, address), ("empty-name", 6, address + bytes(4)),
            ("odd-name", 6, address + b"\6eth0\0\0\0"), ("cut-name", 6, address + b"\x0ceth0\0\0\0"),
            ("no-mtu", 5, address), ("more", 4, address + bytes(4))):
        for policy in "translate", "translate-addresses":
            yield case(f"ipv4-extension-{policy}-unreadable-{name}", "The parts that are announced do not fill the object: it "
                       "goes (RFC 5837, 4.1).", 4, extension(MPLS, objects(2, kind, payload)), extension(MPLS), policy)


def translated_alone():
    """The addresses are right, the structure is not."""
    for version in 4, 6:
        before = compliant(version, PUBLIC, extension(interface(ip=PRIVATE[version].firewall)), craft.udp())
        after = compliant(version, PUBLIC, extension(interface(ip=PUBLIC[version].firewall)), craft.udp())
        yield Golden(f"ipv{version}-extension-translated-alone", "Nothing but the structure was wrong, and no byte too many.",
                     before, after, "stripped", MAPS[version], extensions="translate")
        yield Golden(f"ipv{version}-extension-translated-already", "It is public already.", after, after, "already-right",
                     MAPS[version], extensions="translate")


def leaking():
    """pass: what stays is told."""
    private = extension(interface(2, "10.1.2.3", "eth0"))
    for version in 4, 6:
        for name, address in ("ipv4", "10.1.2.3"), ("ipv6", "fd42::9"):
            structure = extension(MPLS, interface(2, address))
            yield case(f"ipv{version}-extension-leak-{name}", "All else became public.", version, structure, structure, "pass",
                       "leaked-extension")
            right = compliant(version, PUBLIC, structure, craft.udp())
            yield Golden(f"ipv{version}-extension-leak-alone-{name}", "All else was right.", right, right, "leaked-extension",
                         MAPS[version], extensions="pass")
        before = compliant(version, PRIVATE, private, craft.udp())
        yield Golden(f"ipv{version}-extension-leak-outer", "A private source says more.", before, before, "leaked-outer",
                     extensions="pass")
        source = error(version, PUBLIC[version].firewall, before[48 if version == 6 else 28:], rest=length_field(
            version, craft.padded(quoted(version, craft.udp(), PRIVATE), 128, UNIT[version])))
        yield Golden(f"ipv{version}-extension-leak-inner", "And so does a private address that is quoted.", source, source,
                     "leaked-inner", extensions="pass")
    yield case("ipv4-extension-leak-bad-sum", "Whoever reads it may not look at its sum.", 4,
               extension(interface(ip="10.1.2.3"), sum_of=0xbad1), extension(interface(ip="10.1.2.3"), sum_of=0xbad1), "pass",
               "leaked-extension")
    for name, structure in (
            ("public", extension(interface(2, "198.51.100.1", "eth0"))), ("name", extension(interface(2, None, "eth0"))),
            ("too-short", b"\x20\x00"), ("version", extension(interface(ip="10.1.2.3"), version=1)),
            ("object-cut", extension(interface(ip="10.1.2.3"))[:-2]),
            ("unreadable", extension(craft.ext_object(2, 4, b"\0\7\0\0")))):
        yield case(f"ipv4-extension-no-leak-{name}", "There is no private address in it that could be read.", 4, structure,
                   structure, "pass")


def goldens():
    for part in (passed, removed, private_removed, unreadable, no_extension, stripped_alone, translated, names_kept,
                 not_translated, translated_alone, leaking):
        yield from part()
