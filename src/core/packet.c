/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads IPv4 and IPv6 headers out of bytes that may be cut anywhere and may
 * come from anybody. Says what is where; judges no checksum and no address.
 */
#include "core/packet.h"

#include "core/address.h"

#define IPV4_HEADER 20
#define IPV6_HEADER 40
/* RFC 7401, RFC 5533; not in libc. */
#define PROTOCOL_HIP   139
#define PROTOCOL_SHIM6 140

static uint16_t smaller(uint32_t a, size_t b)
{
	return (uint16_t)(a < b ? a : b);
}

/* Whether the options have a source route (RFC 791: 131 loose, 137 strict) that
 * is not used up. */
static bool has_route_left(const uint8_t *options, size_t length)
{
	enum { END = 0, NOP = 1, LOOSE = 131, STRICT = 137 };

	for (size_t at = 0; at < length && options[at] != END;) {
		size_t n = options[at] == NOP ? 1 : length - at < 3 ? 0 : options[at + 1];

		if (n == 0 || n > length - at)
			return false;
		if ((options[at] == LOOSE || options[at] == STRICT) && n >= 3)
			return options[at + 2] <= n;
		at += n;
	}
	return false;
}

static enum packet_status parse_v4(struct packet *p, const uint8_t *bytes, size_t begin, size_t end)
{
	const uint8_t *ip = bytes + begin;
	unsigned header, total, fragment;

	if (end - begin < IPV4_HEADER)
		return PACKET_TRUNCATED;
	header = (ip[0] & 0xfu) * 4;
	total = packet_be16(ip + 2);
	if (header < IPV4_HEADER || total < header)
		return PACKET_INCONSISTENT;
	if (end - begin < header)
		return PACKET_TRUNCATED;
	fragment = packet_be16(ip + 6);
	p->source = (uint16_t)(begin + 12);
	p->destination = (uint16_t)(begin + 16);
	p->protocol = ip[9];
	p->fragment = fragment & 0x3fff; /* more fragments, or an offset */
	p->rerouted = has_route_left(ip + IPV4_HEADER, header - IPV4_HEADER);
	p->total_end = (uint32_t)begin + total;
	p->end = smaller(p->total_end, end);
	p->transport = fragment & 0x1fff ? 0 : (uint16_t)(begin + header);
	return PACKET_OK;
}

static bool is_extension(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_FRAGMENT:
	case IPPROTO_DSTOPTS:
	case IPPROTO_MH:
	case PROTOCOL_HIP:
	case PROTOCOL_SHIM6:
		return true;
	}
	return false;
}

/* Walks the extension headers (RFC 8200, 4) from offset on to the transport
 * header. Where the chain is cut short, or the packet is a later fragment,
 * there is none to be seen. Each step is at least 8 bytes, so it ends. */
static void walk_extensions(struct packet *p, const uint8_t *bytes, size_t offset)
{
	while (is_extension(p->protocol)) {
		const uint8_t *header = bytes + offset;

		if (p->end < offset + 8)
			return;
		if (p->protocol == IPPROTO_FRAGMENT) {
			p->fragment |= (packet_be16(header + 2) & 0xfff9) != 0; /* else atomic, RFC 6946 */
			if (packet_be16(header + 2) & 0xfff8)
				return;
		}
		if (p->protocol == IPPROTO_ROUTING)
			p->rerouted |= header[3] != 0;
		offset += p->protocol == IPPROTO_FRAGMENT ? 8 : 8 + 8u * header[1];
		p->protocol = header[0];
	}
	p->transport = (uint16_t)(offset <= p->end ? offset : 0);
}

static enum packet_status parse_v6(struct packet *p, const uint8_t *bytes, size_t begin, size_t end)
{
	const uint8_t *ip = bytes + begin;

	if (end - begin < IPV6_HEADER)
		return PACKET_TRUNCATED;
	p->source = (uint16_t)(begin + 8);
	p->destination = (uint16_t)(begin + 24);
	p->protocol = ip[6];
	p->total_end = (uint32_t)(begin + IPV6_HEADER + packet_be16(ip + 4));
	p->end = smaller(p->total_end, end);
	walk_extensions(p, bytes, begin + IPV6_HEADER);
	return PACKET_OK;
}

/* Reads the IP header at bytes[begin], of which nothing from bytes[end] on may
 * be touched; end is at most 65535. A packet that goes on beyond end is no
 * mistake: p->end and p->total_end tell. */
enum packet_status packet_parse(struct packet *p, const uint8_t *bytes, size_t begin, size_t end)
{
	if (begin >= end)
		return PACKET_TRUNCATED;
	*p = (struct packet){.begin = (uint16_t)begin, .version = bytes[begin] >> 4};
	switch (p->version) {
	case 4:
		return parse_v4(p, bytes, begin, end);
	case 6:
		return parse_v6(p, bytes, begin, end);
	}
	return PACKET_INCONSISTENT;
}

/* The address at an offset that packet_parse() gave. */
struct address packet_address(const struct packet *p, const uint8_t *bytes, uint16_t offset)
{
	return p->version == 4 ? address_from_v4(bytes + offset) : address_from_v6(bytes + offset);
}
