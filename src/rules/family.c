/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The two families. Their ICMP errors come from core/icmp_type.def.
 */
#include "rules/rules.h"

#define ICMP_TYPE(name, version, type, text, unit) TYPE_##version(", " text)
#define TYPE_4(text)				   text
#define TYPE_6(text)
static const char types4[] =
#include "core/icmp_type.def"
	;
#undef TYPE_4
#undef TYPE_6
#define TYPE_4(text)
#define TYPE_6(text) text
static const char types6[] =
#include "core/icmp_type.def"
	;

#define PRIVATE_V4(a, b, length, name) ", " #a "." #b ".0.0/" #length
#define PRIVATE_V6(first, length, name)
static const char private4[] =
#include "core/private.def"
	;
#undef PRIVATE_V4
#undef PRIVATE_V6
#define PRIVATE_V4(a, b, length, name)
#define PRIVATE_V6(first, length, name) ", " #first "::/" #length
static const char private6[] =
#include "core/private.def"
	", ff00::/8"; /* multicast */

#undef PRIVATE_V4
#undef PRIVATE_V6
/* The same as prefixes. IPv4 as IPv6 is not for the wire (RFC 4038, 4.2): the daemon is to see it. */
#define PRIVATE_V4(a, b, length, name) {{0, ADDRESS_V4(a, b)}, ADDRESS_V4_BITS + (length)},
#define PRIVATE_V6(first, length, name)
static const struct prefix prefixes4[] = {
#include "core/private.def"
};
#undef PRIVATE_V4
#undef PRIVATE_V6
#define PRIVATE_V4(a, b, length, name)
#define PRIVATE_V6(first, length, name) {{UINT64_C(0x##first) << 48, 0}, length},
static const struct prefix prefixes6[] = {
	{{0, UINT64_C(0xffff) << 32}, ADDRESS_V4_BITS},
#include "core/private.def"
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define FIRST	     2 /* bytes in front of the first name: ", " */

const struct rules_family rules_families[RULES_FAMILIES] = {
	{4, "ip", "icmp", "icmp", "iptables", private4 + FIRST, prefixes4, COUNT(prefixes4), "192.0.2.1",
		types4 + FIRST},
	{6, "ip6", "icmpv6", "ipv6-icmp", "ip6tables", private6 + FIRST, prefixes6, COUNT(prefixes6),
		"2001:db8::1", types6 + FIRST},
};
