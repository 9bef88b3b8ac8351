/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IP addresses as 128-bit numbers: conversion from and to the bytes of a
 * packet, the ranges that have no business on the Internet, and prefixes.
 */
#include "core/address.h"

static uint64_t read_be64(const uint8_t *p)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

static void write_be64(uint8_t *p, uint64_t v)
{
	for (int i = 7; i >= 0; i--, v >>= 8)
		p[i] = (uint8_t)v;
}

/* The address in four bytes of network order, as one of ::ffff:0:0/96. */
struct address address_from_v4(const uint8_t bytes[4])
{
	uint32_t v4 = (uint32_t)bytes[0] << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3];

	return (struct address){0, UINT64_C(0xffff) << 32 | v4};
}

/* The address in sixteen bytes of network order. */
struct address address_from_v6(const uint8_t bytes[16])
{
	return (struct address){read_be64(bytes), read_be64(bytes + 8)};
}

/* Writes the last 32 bits of a in network order: the IPv4 address that it is. */
void address_to_v4(struct address a, uint8_t bytes[4])
{
	bytes[0] = (uint8_t)(a.lo >> 24);
	bytes[1] = (uint8_t)(a.lo >> 16);
	bytes[2] = (uint8_t)(a.lo >> 8);
	bytes[3] = (uint8_t)a.lo;
}

/* Writes all 128 bits of a in network order. */
void address_to_v6(struct address a, uint8_t bytes[16])
{
	write_be64(bytes, a.hi);
	write_be64(bytes + 8, a.lo);
}

bool address_is_v4(struct address a)
{
	return a.hi == 0 && a.lo >> 32 == 0xffff;
}

/* Whether a belongs to a range that outside routers neither route nor let
 * pass as a source: RFC 1918, shared address space (RFC 6598), IPv4 link-local
 * (RFC 3927), unique local (RFC 4193) and IPv6 link-local (RFC 4291). */
bool address_is_private(struct address a)
{
	uint32_t v4 = (uint32_t)a.lo;

	if (!address_is_v4(a))
		return a.hi >> 57 == 0xfc >> 1 || a.hi >> 54 == 0xfe80 >> 6;
	return v4 >> 24 == 10 || v4 >> 20 == (172 << 4 | 1) || v4 >> 16 == (192 << 8 | 168) ||
	       v4 >> 22 == (100 << 2 | 1) || v4 >> 16 == (169 << 8 | 254);
}

/* Whether a can be nobody's address on the Internet for another reason:
 * unspecified or "this network", loopback, multicast, and IPv4's class E. */
bool address_is_unroutable(struct address a)
{
	uint32_t v4 = (uint32_t)a.lo;

	if (!address_is_v4(a))
		return a.hi >> 56 == 0xff || (a.hi == 0 && a.lo <= 1);
	return v4 >> 24 == 0 || v4 >> 24 == 127 || v4 >> 28 >= 14;
}

/* The bits that a prefix of this length leaves to the host. */
struct address prefix_host_mask(uint8_t length)
{
	if (length >= 128)
		return (struct address){0, 0};
	if (length >= 64)
		return (struct address){0, UINT64_MAX >> (length - 64)};
	return (struct address){UINT64_MAX >> length, UINT64_MAX};
}

/* The highest address of p. */
struct address prefix_last(struct prefix p)
{
	struct address mask = prefix_host_mask(p.length);

	return (struct address){p.base.hi | mask.hi, p.base.lo | mask.lo};
}

bool prefix_contains(struct prefix p, struct address a)
{
	return address_compare(p.base, a) <= 0 && address_compare(a, prefix_last(p)) <= 0;
}
