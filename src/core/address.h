/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An IP address and a prefix, of either family, as numbers. Arithmetic only: reading and writing their text
 * belongs to config/prefix.c.
 */
#ifndef CORE_ADDRESS_H
#define CORE_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

/* 128 bits in host order. An IPv4 address a.b.c.d is ::ffff:a.b.c.d (RFC 4291 2.5.5.2), so that one
 * comparison, one table and one search serve both families:
 *
 *      hi                    lo
 *   +--------------------+--------+--------+---------+
 *   |         0          |   0    |  ffff  | a.b.c.d |
 *   +--------------------+--------+--------+---------+
 */
struct address {
	uint64_t hi, lo;
};

/* base has no bit set beyond length; length counts all 128 bits, so an IPv4 /24 has length 120. */
struct prefix {
	struct address base;
	uint8_t length;
};

#define ADDRESS_V4_BITS 96 /* an IPv4 prefix of n bits has a length of 96 + n */

struct sockaddr;

bool address_is_unroutable(struct address a);
bool address_from_socket(struct address *a, const struct sockaddr *socket_address);

static inline uint64_t address_read_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

static inline void address_write_be32(uint8_t *p, uint64_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

/* Reads an IPv4 address, four bytes in network order, as ::ffff:a.b.c.d. */
static inline struct address address_from_v4(const uint8_t bytes[4])
{
	return (struct address){0, UINT64_C(0xffff) << 32 | address_read_be32(bytes)};
}

/* Reads an IPv6 address, sixteen bytes in network order. */
static inline struct address address_from_v6(const uint8_t bytes[16])
{
	return (struct address){address_read_be32(bytes) << 32 | address_read_be32(bytes + 4),
		address_read_be32(bytes + 8) << 32 | address_read_be32(bytes + 12)};
}

/* Writes an IPv4 address in network order: the last 32 bits of a. */
static inline void address_to_v4(struct address a, uint8_t bytes[4])
{
	address_write_be32(bytes, a.lo);
}

/* Writes an IPv6 address in network order: all 128 bits of a. */
static inline void address_to_v6(struct address a, uint8_t bytes[16])
{
	address_write_be32(bytes, a.hi >> 32);
	address_write_be32(bytes + 4, a.hi);
	address_write_be32(bytes + 8, a.lo >> 32);
	address_write_be32(bytes + 12, a.lo);
}

static inline bool address_is_v4(struct address a)
{
	return a.hi == 0 && a.lo >> 32 == 0xffff;
}

#define ADDRESS_V4(a, b) (UINT64_C(0xffff) << 32 | UINT64_C(a) << 24 | (b) << 16) /* lo of a.b.0.0 */

/* Tells whether an address belongs to a range of private.def. */
static inline bool address_is_private(struct address address)
{
#define PRIVATE_V4(a, b, length, name)                                                                       \
	if (address.hi == 0 && address.lo >> (32 - (length)) == ADDRESS_V4(a, b) >> (32 - (length)))         \
		return true;
#define PRIVATE_V6(first, length, name)                                                                      \
	if (address.hi >> (64 - (length)) == UINT64_C(0x##first) >> (16 - (length)))                         \
		return true;
#include "core/private.def"
#undef PRIVATE_V4
#undef PRIVATE_V6
	return false;
}

/* Returns -1, 0 or 1 as a is below, equal to or above b. */
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

static inline bool prefix_equal(struct prefix p, struct prefix q)
{
	return p.length == q.length && address_equal(p.base, q.base);
}

/* Returns a mask of the bits that a prefix of this length leaves to the host. */
static inline struct address prefix_host_mask(uint8_t length)
{
	if (length >= 128)
		return (struct address){0, 0};
	if (length >= 64)
		return (struct address){0, UINT64_MAX >> (length - 64)};
	return (struct address){UINT64_MAX >> length, UINT64_MAX};
}

struct address prefix_last(struct prefix p);
bool prefix_contains(struct prefix p, struct address a);

#endif
