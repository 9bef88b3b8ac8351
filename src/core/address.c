/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IP addresses as 128-bit numbers: the ranges that have no business on the
 * Internet, and prefixes.
 */
#include "core/address.h"

/* Tells whether an address, though not private, cannot belong to a host on the
 * Internet: unspecified or "this network", loopback, multicast, and class E of IPv4. */
bool address_is_unroutable(struct address a)
{
	uint32_t v4 = (uint32_t)a.lo;

	if (!address_is_v4(a))
		return a.hi >> 56 == 0xff || (a.hi == 0 && a.lo <= 1);
	return v4 >> 24 == 0 || v4 >> 24 == 127 || v4 >> 28 >= 14;
}

/* Returns the highest address of a prefix. */
struct address prefix_last(struct prefix p)
{
	struct address mask = prefix_host_mask(p.length);

	return (struct address){p.base.hi | mask.hi, p.base.lo | mask.lo};
}

bool prefix_contains(struct prefix p, struct address a)
{
	return address_compare(p.base, a) <= 0 && address_compare(a, prefix_last(p)) <= 0;
}
