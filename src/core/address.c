/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IP addresses as 128-bit numbers: the ranges that have no business on the Internet, and prefixes.
 */
#include "core/address.h"

#include <netinet/in.h>
#include <stddef.h>

/* Tells whether an address that is not private is no host's on the Internet either: unspecified or "this
 * network", loopback, multicast, and IPv4's class E. */
bool address_is_unroutable(struct address a)
{
	uint32_t v4 = (uint32_t)a.lo;

	if (!address_is_v4(a))
		return a.hi >> 56 == 0xff || (a.hi == 0 && a.lo <= 1);
	return v4 >> 24 == 0 || v4 >> 24 == 127 || v4 >> 28 >= 14;
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
