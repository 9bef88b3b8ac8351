/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Reads IPv4 and IPv6 headers out of bytes that may be cut anywhere and may
 * come from anywhere. Says what is where; judges no checksum and no address.
 */
#include "core/packet.h"

#include "core/options.h"

#define IPV4_HEADER 20 /* bytes, without options */
#define IPV6_HEADER 40
/* RFC 7401, RFC 5533; not in libc. */
#define PROTOCOL_HIP   139
#define PROTOCOL_SHIM6 140

/* Tells whether a protocol is an extension header of IPv6, of those that say where the next one begins. */
bool packet_is_extension(uint8_t protocol)
{
	return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING || protocol == IPPROTO_FRAGMENT ||
	       protocol == IPPROTO_DSTOPTS || protocol == IPPROTO_MH || protocol == PROTOCOL_HIP ||
	       protocol == PROTOCOL_SHIM6;
}

static enum packet_status parse_v4(struct packet *p, const uint8_t *bytes, size_t begin, size_t end)
{
	const uint8_t *ip = bytes + begin;
	size_t header, total_end;
	uint16_t fragment;

	if (end - begin < IPV4_HEADER)
		return PACKET_TRUNCATED;
	header = (ip[0] & 0xfu) * 4;
	total_end = begin + packet_be16(ip + 2);
	if (header < IPV4_HEADER || total_end < begin + header)
		return PACKET_INCONSISTENT;
	if (end - begin < header)
		return PACKET_TRUNCATED;
	fragment = packet_be16(ip + 6);
	p->end = (uint16_t)(total_end < end ? total_end : end);
	p->transport = (uint16_t)(fragment & 0x1fff ? 0 : begin + header); /* 0: not the first one */
	p->total_end = (uint32_t)total_end;
	p->protocol = ip[9];
	p->fragment = (fragment & 0x3fff) != 0; /* more fragments, or an offset */
	if (header > IPV4_HEADER) {
		p->has_hops = true;
		p->rerouted = options_have_route_left(bytes, begin);
	}
	p->source = address_from_v4(ip + 12);
	p->destination = address_from_v4(ip + 16);
	return PACKET_OK;
}

/* Walks the extension headers (RFC 8200, 4) from offset on to the transport
 * header. p->transport stays 0 where the chain is cut short, or the packet is a
 * later fragment. Each step is at least 8 bytes, so it ends. */
static void walk_extensions(struct packet *p, const uint8_t *bytes, size_t offset)
{
	while (packet_is_extension(p->protocol)) {
		const uint8_t *header = bytes + offset;

		if (p->end < offset + 8)
			return;
		if (p->protocol == IPPROTO_FRAGMENT) {
			p->fragment |= (packet_be16(header + 2) & 0xfff9) != 0; /* else atomic, RFC 6946 */
			if (packet_be16(header + 2) & 0xfff8)
				return;
		}
		if (p->protocol == IPPROTO_ROUTING) {
			p->has_hops = true;
			p->rerouted |= header[3] != 0;
		}
		offset += p->protocol == IPPROTO_FRAGMENT ? 8 : 8 + 8u * header[1];
		p->protocol = header[0];
	}
	p->transport = (uint16_t)(offset <= p->end ? offset : 0);
}

static enum packet_status parse_v6(struct packet *p, const uint8_t *bytes, size_t begin, size_t end)
{
	const uint8_t *ip = bytes + begin;
	size_t total_end;

	if (end - begin < IPV6_HEADER)
		return PACKET_TRUNCATED;
	total_end = begin + IPV6_HEADER + packet_be16(ip + 4);
	p->end = (uint16_t)(total_end < end ? total_end : end);
	p->total_end = (uint32_t)total_end;
	p->protocol = ip[6];
	p->source = address_from_v6(ip + 8);
	p->destination = address_from_v6(ip + 24);
	walk_extensions(p, bytes, begin + IPV6_HEADER);
	return PACKET_OK;
}

/* Reads the IP header at bytes[begin] into *p, touching nothing from bytes[end]
 * on; end is at most 65535. A packet that goes on beyond end is no mistake:
 * p->end and p->total_end tell. *p is undefined unless PACKET_OK is returned. */
enum packet_status packet_parse(struct packet *p, const uint8_t *bytes, size_t begin, size_t end)
{
	if (begin >= end)
		return PACKET_TRUNCATED;
	*p = (struct packet){.begin = (uint16_t)begin, .version = bytes[begin] >> 4};
	if (p->version == 4)
		return parse_v4(p, bytes, begin, end);
	return p->version == 6 ? parse_v6(p, bytes, begin, end) : PACKET_INCONSISTENT;
}
