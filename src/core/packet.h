/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One IP header with what it says about the bytes after it. The same reader
 * serves the packet on the wire and the one that an error quotes.
 */
#ifndef CORE_PACKET_H
#define CORE_PACKET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/address.h"

/* All places are offsets from the first byte of the outermost packet:
 *
 *   begin                          transport       end      total_end
 *   |..............................|...............|. . . . .|
 *   +-- IP header, options or extension headers ---+  not quoted
 */
struct packet {
	uint16_t begin, end;
	uint16_t transport; /* 0: no transport header can be seen */
	uint32_t total_end; /* where the header says that the packet ends */
	uint8_t version;    /* 4 or 6 */
	uint8_t protocol;   /* of the transport header (IANA number) */
	bool fragment;	    /* a part of a packet, the first one included */
	bool rerouted;	    /* by its sender: the destination is not yet the last one */
	struct address source, destination;
};

#define PACKET_V4_HEADER 20 /* bytes, without options */

enum packet_status { PACKET_OK, PACKET_TRUNCATED, PACKET_INCONSISTENT };

bool packet_has_route_left(const uint8_t *options, size_t length);
enum packet_status packet_parse_v6(struct packet *p, const uint8_t *bytes, size_t begin, size_t end);

/* The 16-bit number at p, which is in network order. */
static inline uint16_t packet_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint16_t packet_smaller(size_t a, size_t b)
{
	return (uint16_t)(a < b ? a : b);
}

/* Notes that p is a fragment, by the field that says so. */
static inline void packet_note_fragment(struct packet *p, uint16_t field)
{
	p->fragment = true;
	if (field & 0x1fff) /* not the first one */
		p->transport = 0;
}

/* packet_parse(), where begin is not beyond end and version 4 is what must be there.
 * Here and not in packet.c, so that it is compiled into those who ask. */
static inline enum packet_status packet_parse_v4(
	struct packet *p, const uint8_t *bytes, size_t begin, size_t end)
{
	const uint8_t *ip = bytes + begin;
	size_t header, total;

	if (end - begin < PACKET_V4_HEADER)
		return PACKET_TRUNCATED;
	header = (ip[0] & 0xfu) * 4;
	total = packet_be16(ip + 2);
	if (header < PACKET_V4_HEADER || total < header)
		return PACKET_INCONSISTENT;
	if (end - begin < header)
		return PACKET_TRUNCATED;
	p->begin = (uint16_t)begin;
	p->end = packet_smaller(begin + total, end);
	p->transport = (uint16_t)(begin + header);
	p->total_end = (uint32_t)(begin + total);
	p->version = 4;
	p->protocol = ip[9];
	p->fragment = false;
	p->rerouted = false;
	p->source = address_from_v4(ip + 12);
	p->destination = address_from_v4(ip + 16);
	if (packet_be16(ip + 6) & 0x3fff) /* more fragments, or an offset */
		packet_note_fragment(p, packet_be16(ip + 6));
	if (header > PACKET_V4_HEADER)
		p->rerouted = packet_has_route_left(ip + PACKET_V4_HEADER, header - PACKET_V4_HEADER);
	return PACKET_OK;
}

/* Reads the IP header at bytes[begin], of which nothing from bytes[end] on may
 * be touched; end is at most 65535. A packet that goes on beyond end is no
 * mistake: p->end and p->total_end tell. */
static inline enum packet_status packet_parse(
	struct packet *p, const uint8_t *bytes, size_t begin, size_t end)
{
	if (begin >= end)
		return PACKET_TRUNCATED;
	switch (bytes[begin] >> 4) {
	case 4:
		return packet_parse_v4(p, bytes, begin, end);
	case 6:
		return packet_parse_v6(p, bytes, begin, end);
	}
	return PACKET_INCONSISTENT;
}

/* Where the addresses of the IP header are. */
static inline unsigned packet_source(const struct packet *p)
{
	return p->begin + (p->version == 4 ? 12 : 8);
}

static inline unsigned packet_destination(const struct packet *p)
{
	return p->begin + (p->version == 4 ? 16 : 24);
}

/* Whether p says that it carries ICMP in IPv6, or ICMPv6 in IPv4: a number that
 * exists, for a protocol that nobody speaks there. */
static inline bool packet_has_foreign_icmp(const struct packet *p)
{
	return p->protocol == (p->version == 4 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
}

/* Whether bytes first to first + n of the transport header can be seen. */
static inline bool packet_quotes(const struct packet *p, unsigned first, unsigned n)
{
	return p->transport && p->transport + first + n <= p->end;
}

/* The address that is there. */
static inline struct address packet_address(const struct packet *p, const uint8_t *bytes, unsigned offset)
{
	return p->version == 4 ? address_from_v4(bytes + offset) : address_from_v6(bytes + offset);
}

#endif
