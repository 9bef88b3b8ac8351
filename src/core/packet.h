/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * One IP header with what it says about the bytes after it. One reader serves
 * the packet on the wire and the one that an error quotes.
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
	uint8_t version;    /* 4 or 6 */
	uint8_t protocol;   /* of the transport header (IANA number) */
	uint32_t total_end; /* where the header says that the packet ends */
	bool fragment;	    /* a part of a packet, the first one included */
	bool rerouted;	    /* by its sender: the destination is not yet the last one */
	bool has_hops;	    /* it has options or routing headers, which may hold addresses: hops.h */
	struct address source, destination;
};

enum packet_status { PACKET_OK, PACKET_TRUNCATED, PACKET_INCONSISTENT };

bool packet_is_extension(uint8_t protocol);
enum packet_status packet_parse(struct packet *p, const uint8_t *bytes, size_t begin, size_t end);

/* Reads a 16-bit number in network order. */
static inline uint16_t packet_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* Writes a number of 16 bits in network order. */
static inline void packet_put_be16(uint8_t *p, size_t number)
{
	p[0] = (uint8_t)(number >> 8);
	p[1] = (uint8_t)number;
}

/* Reads an address as headers of a version have them. */
static inline struct address packet_address(uint8_t version, const uint8_t *bytes)
{
	return version == 4 ? address_from_v4(bytes) : address_from_v6(bytes);
}

/* Tells whether an address is private, or an IPv4-mapped one, which is not for the wire. */
static inline bool packet_tells_private(uint8_t version, const uint8_t *bytes)
{
	const struct address a = packet_address(version, bytes);

	return address_is_private(a) || (version == 6 && address_is_v4(a));
}

/* Returns the offset of the source address in the IP header. */
static inline unsigned packet_source(const struct packet *p)
{
	return p->begin + (p->version == 4 ? 12 : 8);
}

/* Returns the offset of the destination address in the IP header. */
static inline unsigned packet_destination(const struct packet *p)
{
	return p->begin + (p->version == 4 ? 16 : 24);
}

/* Tells whether p carries ICMP in IPv6, or ICMPv6 in IPv4: the number exists, but
 * no host speaks the protocol there. */
static inline bool packet_has_foreign_icmp(const struct packet *p)
{
	return p->protocol == (p->version == 4 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
}

/* Tells whether n bytes of the transport header, from byte first on, are quoted. */
static inline bool packet_quotes(const struct packet *p, unsigned first, unsigned n)
{
	return p->transport && p->transport + first + n <= p->end;
}

#endif
