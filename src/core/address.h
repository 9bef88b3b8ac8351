/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
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

/* Whether an address is one of the Internet's. Multicast is nobody's own, so no host's private address
 * either; IPv4-mapped addresses are not for the wire at all (RFC 4038, 4.2), and IPv4 is represented by them
 * here. */
enum address_kind { ADDRESS_PRIVATE, ADDRESS_MULTICAST, ADDRESS_MAPPED };

struct address_range {
	struct address first, last;
	enum address_kind kind;
	const char *name;
};

const struct address_range *address_ranges(int version);
bool address_is_in_private_range(struct address a);
bool address_is_loopback(struct address a);
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

#define ADDRESS_V4(a, b, c, d) /* lo of a.b.c.d */                                                           \
	(UINT64_C(0xffff) << 32 | UINT64_C(a) << 24 | (b) << 16 | (c) << 8 | (d))

extern const uint64_t address_v4_first_octets[4];

/* Tells whether an IPv4 address begins as no range of private.def does. */
static inline bool address_v4_is_plain(uint32_t v4)
{
	return !(address_v4_first_octets[v4 >> 30] >> (v4 >> 24 & 63) & 1);
}

/* In IPv6, all that is private is either beyond the addresses that are given out, or among those for
 * protocols. address.c asserts it. */
#define ADDRESS_V6_GLOBAL	  UINT64_C(0x2000000000000000)
#define ADDRESS_V6_GLOBAL_BITS	  3
#define ADDRESS_V6_PROTOCOLS	  UINT64_C(0x2001000000000000)
#define ADDRESS_V6_PROTOCOLS_BITS 23

/* Tells the same of the first half of an IPv6 address. */
static inline bool address_v6_is_plain(uint64_t hi)
{
	return hi >> (64 - ADDRESS_V6_GLOBAL_BITS) == ADDRESS_V6_GLOBAL >> (64 - ADDRESS_V6_GLOBAL_BITS) &&
	       hi >> (64 - ADDRESS_V6_PROTOCOLS_BITS) !=
		       ADDRESS_V6_PROTOCOLS >> (64 - ADDRESS_V6_PROTOCOLS_BITS);
}

/* Tells whether an address is private: not globally reachable, by private.def. */
static inline bool address_is_private(struct address a)
{
	if (address_is_v4(a) ? address_v4_is_plain((uint32_t)a.lo) : address_v6_is_plain(a.hi))
		return false;
	return address_is_in_private_range(a);
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
