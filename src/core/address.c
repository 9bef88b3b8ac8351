/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * IP addresses as 128-bit numbers: the ranges of private.def, sockets' addresses, and prefixes.
 */
#include "core/address.h"

#include <netinet/in.h>
#include <stddef.h>

#define RANGE_V4(kind, a, b, c, d, e, f, g, h, name)                                                         \
	{{0, ADDRESS_V4(a, b, c, d)}, {0, ADDRESS_V4(e, f, g, h)}, ADDRESS_##kind, name},
#define RANGE_V6(kind, first_hi, first_lo, last_hi, last_lo, name)
static const struct address_range ranges4[] = {
#include "core/private.def"
	{.name = NULL}};
#undef RANGE_V4
#undef RANGE_V6

#define RANGE_V4(kind, a, b, c, d, e, f, g, h, name)
#define RANGE_V6(kind, first_hi, first_lo, last_hi, last_lo, name)                                           \
	{{UINT64_C(0x##first_hi), UINT64_C(0x##first_lo)}, {UINT64_C(0x##last_hi), UINT64_C(0x##last_lo)},   \
		ADDRESS_##kind, name},
static const struct address_range ranges6[] = {
#include "core/private.def"
	{.name = NULL}};
#undef RANGE_V6

#define BEGINS(hi, with)                                                                                     \
	(UINT64_C(0x##hi) >> (64 - ADDRESS_V6_##with##_BITS) ==                                              \
		ADDRESS_V6_##with >> (64 - ADDRESS_V6_##with##_BITS))
#define RANGE_V6(kind, first_hi, first_lo, last_hi, last_lo, name)                                           \
	_Static_assert((!BEGINS(first_hi, GLOBAL) && !BEGINS(last_hi, GLOBAL)) ||                            \
			       (BEGINS(first_hi, PROTOCOLS) && BEGINS(last_hi, PROTOCOLS)),                  \
		"address_v6_is_plain() does not know this range");
#include "core/private.def"
#undef RANGE_V4
#undef RANGE_V6
#undef BEGINS

/* Bits of a word of address_v4_first_octets: from that of an octet on. */
#define FROM(octet, word)                                                                                    \
	((octet) <= 64 * (word) ? UINT64_MAX : (octet) >= 64 * (word) + 64 ? 0 : UINT64_MAX << ((octet)&63))
#define RANGE_V4(kind, a, b, c, d, e, f, g, h, name) | (FROM(a, WORD) & ~FROM((e) + 1, WORD))
#define RANGE_V6(kind, first_hi, first_lo, last_hi, last_lo, name)
/* A bit for each first octet of an IPv4 address: it is set if a range has such addresses. */
const uint64_t address_v4_first_octets[4] = {
#define WORD 0
	0
#include "core/private.def"
#undef WORD
#define WORD 1
	,
	0
#include "core/private.def"
#undef WORD
#define WORD 2
	,
	0
#include "core/private.def"
#undef WORD
#define WORD 3
	,
	0
#include "core/private.def"
};
#undef WORD
#undef FROM
#undef RANGE_V4
#undef RANGE_V6

/* Returns the ranges of private.def for an IP version, sorted, with one behind them that has no name. */
const struct address_range *address_ranges(int version)
{
	return version == 4 ? ranges4 : ranges6;
}

/* Tells what address_is_private() cannot tell at a glance. */
bool address_is_in_private_range(struct address a)
{
	const struct address_range *range = address_ranges(address_is_v4(a) ? 4 : 6);

	while (address_compare(range->last, a) < 0) /* the last one ends with the last address */
		range++;
	return range->kind == ADDRESS_PRIVATE && address_compare(range->first, a) <= 0;
}

/* Tells whether an address means the host itself, so that no packet from there ever leaves. */
bool address_is_loopback(struct address a)
{
	return address_is_v4(a) ? (uint32_t)a.lo >> 24 == 127 : a.hi == 0 && a.lo == 1;
}

/* Reads the address in a sockaddr, which may be NULL. Returns false for one that is of neither family. */
bool address_from_socket(struct address *a, const struct sockaddr *socket_address)
{
	const uint8_t *bytes = (const uint8_t *)socket_address;

	if (!bytes || (socket_address->sa_family != AF_INET && socket_address->sa_family != AF_INET6))
		return false;
	if (socket_address->sa_family == AF_INET)
		*a = address_from_v4(bytes + offsetof(struct sockaddr_in, sin_addr));
	else
		*a = address_from_v6(bytes + offsetof(struct sockaddr_in6, sin6_addr));
	return true;
}

/* Returns the highest address of a prefix. */
struct address prefix_last(struct prefix p)
{
	struct address mask = prefix_host_mask(p.length);

	return (struct address){p.base.hi | mask.hi, p.base.lo | mask.lo};
}

/* Tells whether an address begins with a prefix. */
bool prefix_contains(struct prefix p, struct address a)
{
	return address_compare(p.base, a) <= 0 && address_compare(a, prefix_last(p)) <= 0;
}
