/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An IP address and a prefix, of either family, as numbers. Arithmetic only:
 * reading and writing their text belongs to config/prefix.c.
 */
#ifndef CORE_ADDRESS_H
#define CORE_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

/* 128 bits in host order. An IPv4 address a.b.c.d is ::ffff:a.b.c.d (RFC 4291
 * 2.5.5.2), so that one comparison, one table and one search serve both
 * families:
 *
 *      hi                    lo
 *   +--------------------+--------+--------+---------+
 *   |         0          |   0    |  ffff  | a.b.c.d |
 *   +--------------------+--------+--------+---------+
 */
struct address {
	uint64_t hi, lo;
};

/* base has no bit set beyond length; length counts all 128 bits, so an IPv4
 * /24 has length 120. */
struct prefix {
	struct address base;
	uint8_t length;
};

#define ADDRESS_V4_BITS 96 /* an IPv4 prefix of n bits has a length of 96 + n */

struct address address_from_v4(const uint8_t bytes[4]);
struct address address_from_v6(const uint8_t bytes[16]);
void address_to_v4(struct address a, uint8_t bytes[4]);
void address_to_v6(struct address a, uint8_t bytes[16]);

bool address_is_v4(struct address a);
bool address_is_private(struct address a);
bool address_is_unroutable(struct address a);

/* -1, 0, 1 as a is below, equal to or above b. */
static inline int address_compare(struct address a, struct address b)
{
	if (a.hi != b.hi)
		return a.hi < b.hi ? -1 : 1;
	return a.lo < b.lo ? -1 : a.lo > b.lo;
}

static inline bool address_equal(struct address a, struct address b)
{
	return a.hi == b.hi && a.lo == b.lo;
}

struct address prefix_host_mask(uint8_t length);
struct address prefix_last(struct prefix p);
bool prefix_contains(struct prefix p, struct address a);

#endif
