/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * What a packet carries that is itself an IP packet: by protocols 4 and 41 (RFC 2003, RFC 4213, RFC 2473) and
 * by GRE (RFC 2784, RFC 2890). Nobody translates it on the way, the kernel's NAT included: it is what its
 * sender wrote, so it is looked at only.
 */
#include "core/tunnel.h"

#include "core/hops.h"

/* Tells whether there is a private address at an offset. */
static bool is_private_at(uint8_t version, const uint8_t *bytes, size_t at, size_t end)
{
	return at + (version == 4 ? 4 : 16) <= end && packet_tells_private(version, bytes + at);
}

/* Tells whether the ends of the packet at an offset, which may be cut, are private. */
static bool has_private_ends(const uint8_t *bytes, size_t at, size_t end)
{
	const uint8_t version = bytes[at] >> 4;
	const size_t source = at + (version == 4 ? 12 : 8), destination = at + (version == 4 ? 16 : 24);

	return is_private_at(version, bytes, source, end) || is_private_at(version, bytes, destination, end);
}

static bool has_private_hops(const struct packet *p, const uint8_t *bytes)
{
	struct hops_walk walk;
	struct options_hop hop;

	hops_begin(&walk, p, bytes);
	while (hops_next(&walk, &hop))
		if (packet_tells_private(p->version, bytes + hop.offset))
			return true;
	return false;
}

/* Steps over a GRE header at *at. Returns the IP version within; 0: something else. */
static unsigned enter_gre(const uint8_t *bytes, size_t *at, size_t end)
{
	enum { SUM = 0x80, KEY = 0x20, SEQUENCE = 0x10, OTHER = 0x4f };
	const uint8_t *gre = bytes + *at;

	if (end - *at < 4 || gre[0] & OTHER || gre[1] & 0x7)
		return 0;
	*at += 4u + (gre[0] & SUM ? 4 : 0) + (gre[0] & KEY ? 4 : 0) + (gre[0] & SEQUENCE ? 4 : 0);
	return packet_be16(gre + 2) == 0x0800 ? 4 : packet_be16(gre + 2) == 0x86dd ? 6 : 0;
}

/* Finds the packet in a packet. Returns its offset; 0 if there is none. */
static size_t find_inside(const struct packet *p, const uint8_t *bytes)
{
	size_t at = p->transport;
	unsigned version = p->protocol == IPPROTO_IPIP ? 4 : 6;

	if (at == 0 || !tunnel_is_in(p))
		return 0;
	if (p->protocol == IPPROTO_GRE)
		version = enter_gre(bytes, &at, p->end);
	return at < p->end && bytes[at] >> 4 == version ? at : 0;
}

/* Tells whether there are private addresses in the headers of the packets within a packet. Each is at least
 * a header further on, so it ends. */
bool tunnel_has_private(const struct packet *p, const uint8_t *bytes)
{
	struct packet around = *p, inside;
	size_t at;

	while ((at = find_inside(&around, bytes)) != 0) {
		if (has_private_ends(bytes, at, around.end))
			return true;
		if (packet_parse(&inside, bytes, at, around.end) != PACKET_OK)
			return false;
		if (inside.has_hops && has_private_hops(&inside, bytes))
			return true;
		around = inside;
	}
	return false;
}
