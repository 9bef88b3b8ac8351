/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Peels a captured frame, header by header, down to its IP packet. The bytes may be cut anywhere and come
 * from anywhere. What the link padded behind the IP total length is not the packet's.
 */
#include "daemon/frame.h"

#include <string.h>

#include "core/icmp_error.h"

enum { TYPE_IPV4 = 0x0800, TYPE_IPV6 = 0x86dd, TYPE_PPPOE = 0x8864 }; /* EtherTypes */
enum { PPP_IPV4 = 0x21, PPP_IPV6 = 0x57 };			      /* RFC 1332, RFC 5072 */
#define NFLOG_HEADER  4						      /* struct nfgenmsg */
#define NFLOG_PAYLOAD 9						      /* NFULA_PAYLOAD */

/* A frame while it is peeled: what is left of it lies from at to end. */
struct peel {
	const uint8_t *bytes;
	size_t at, end;
	size_t link_length;
};

static bool has(const struct peel *p, size_t n)
{
	return n <= p->end - p->at;
}

static bool skip(struct peel *p, size_t n)
{
	if (!has(p, n))
		return false;
	p->at += n;
	return true;
}

/* Lets nothing be left behind n bytes. */
static void limit(struct peel *p, size_t n)
{
	if (has(p, n))
		p->end = p->at + n;
}

/* The protocol field of PPP, one byte if that is odd (RFC 1661, 6.5). */
static bool peel_ppp(struct peel *p)
{
	unsigned protocol;

	if (!has(p, 2))
		return false;
	protocol = p->bytes[p->at];
	if (protocol & 1)
		return skip(p, 1) && (protocol == PPP_IPV4 || protocol == PPP_IPV6);
	protocol = packet_be16(p->bytes + p->at);
	return skip(p, 2) && (protocol == PPP_IPV4 || protocol == PPP_IPV6);
}

/* The header of a PPPoE session (RFC 2516, 4): version, code, session, length. */
static bool peel_pppoe(struct peel *p)
{
	const uint8_t *header = p->bytes + p->at;

	if (!has(p, 6) || header[0] != 0x11 || header[1] != 0)
		return false;
	p->link_length = p->at + 4;
	p->at += 6;
	limit(p, packet_be16(header + 4));
	return peel_ppp(p);
}

/* What an EtherType announces. */
static bool peel_type(struct peel *p, unsigned type)
{
	while (type == 0x8100 || type == 0x88a8 || type == 0x9100) { /* VLAN tags */
		if (!skip(p, 4))
			return false;
		type = packet_be16(p->bytes + p->at - 2);
	}
	return type == TYPE_PPPOE ? peel_pppoe(p) : type == TYPE_IPV4 || type == TYPE_IPV6;
}

/* A header of fixed length with an EtherType in it. */
static bool peel_header(struct peel *p, size_t header, size_t type)
{
	return skip(p, header) && peel_type(p, packet_be16(p->bytes + p->at - header + type));
}

/* PPP in a capture: framed as in HDLC (RFC 1662), as by Cisco with an EtherType, or not at all. */
static bool peel_framed_ppp(struct peel *p)
{
	const uint8_t *bytes = p->bytes + p->at;

	if (has(p, 4) && (bytes[0] == 0x0f || bytes[0] == 0x8f) && bytes[1] == 0)
		return peel_header(p, 4, 2);
	if (has(p, 2) && bytes[0] == 0xff && bytes[1] == 0x03)
		skip(p, 2);
	return peel_ppp(p);
}

/* The address family of BSD's loopback, in the order of the machine that captured it. */
static bool peel_family(struct peel *p)
{
	enum { INET = 2, LINUX_INET6 = 10, NETBSD_INET6 = 24, FREEBSD_INET6 = 28, DARWIN_INET6 = 30 };
	const uint8_t *bytes = p->bytes + p->at;
	unsigned family;

	if (!skip(p, 4) || bytes[1] || bytes[2] || (bytes[0] && bytes[3]))
		return false;
	family = bytes[0] | bytes[3];
	return family == INET || family == LINUX_INET6 || family == NETBSD_INET6 || family == FREEBSD_INET6 ||
	       family == DARWIN_INET6;
}

/* Reads a 16-bit number in the order of this machine, which is that of NFLOG's attributes. */
static unsigned read_host16(const uint8_t *p)
{
	uint16_t n;

	memcpy(&n, p, sizeof(n));
	return n;
}

/* Returns the length of an attribute with its padding. */
static size_t padded(size_t length)
{
	return (length + 3) & ~(size_t)3;
}

/* The attributes of NFLOG, up to that with the packet. */
static bool peel_nflog(struct peel *p)
{
	if (!skip(p, NFLOG_HEADER))
		return false;
	while (has(p, 4)) {
		const size_t length = read_host16(p->bytes + p->at);

		if (length < 4)
			return false;
		if ((read_host16(p->bytes + p->at + 2) & 0x7fff) == NFLOG_PAYLOAD) {
			p->link_length = p->at;
			p->at += 4;
			limit(p, length - 4);
			return true;
		}
		if (!skip(p, padded(length)))
			return false;
	}
	return false;
}

static bool peel_link(struct peel *p, enum frame_link link)
{
	switch (link) {
	case FRAME_ETHERNET:
		return peel_header(p, 14, 12);
	case FRAME_LINUX_SLL:
		return peel_header(p, 16, 14);
	case FRAME_LINUX_SLL2:
		return peel_header(p, 20, 0);
	case FRAME_PPP:
	case FRAME_PPP_SERIAL:
		return peel_framed_ppp(p);
	case FRAME_PPP_ETHER:
		return peel_pppoe(p);
	case FRAME_NULL:
	case FRAME_LOOP:
		return peel_family(p);
	case FRAME_NFLOG:
		return peel_nflog(p);
	case FRAME_RAW:
	case FRAME_IPV4:
	case FRAME_IPV6:
		return true;
	}
	return false;
}

/* Tells whether frames of a link type of libpcap can be read. */
bool frame_link_is_known(int link)
{
	static const enum frame_link known[] = {FRAME_NULL, FRAME_ETHERNET, FRAME_PPP, FRAME_RAW,
		FRAME_PPP_SERIAL, FRAME_PPP_ETHER, FRAME_LOOP, FRAME_LINUX_SLL, FRAME_IPV4, FRAME_IPV6,
		FRAME_NFLOG, FRAME_LINUX_SLL2};
	size_t i = 0;

	while (i < sizeof(known) / sizeof(*known) && (int)known[i] != link)
		i++;
	return i < sizeof(known) / sizeof(*known);
}

/* Tells whether a packet is an ICMP message of one of the types that are translated, sound or not. */
static bool is_error(const struct packet *p, const uint8_t *bytes)
{
	return p->protocol == (p->version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6) && packet_quotes(p, 0, 1) &&
	       icmp_error_type(p->version, bytes[p->transport]) != ICMP_TYPE_COUNT;
}

/* Looks for an ICMP error in a frame of a link type that is known: length bytes on the wire, of which the
 * first ones were captured. False if there is none, or none can be seen: *f is then undefined. */
bool frame_find_error(struct frame *f, int link, const uint8_t *bytes, size_t captured, size_t length)
{
	struct peel peel = {bytes, 0, captured, 0};
	struct packet packet;
	size_t left;

	if (!peel_link(&peel, (enum frame_link)link))
		return false;
	left = peel.end - peel.at < UINT16_MAX ? peel.end - peel.at : UINT16_MAX;
	if (packet_parse(&packet, bytes + peel.at, 0, left) != PACKET_OK ||
		!is_error(&packet, bytes + peel.at))
		return false;
	*f = (struct frame){(enum frame_link)link, peel.at, left, peel.link_length, false};
	if (packet.total_end <= left)
		f->length = packet.total_end;
	else /* a rule of NFLOG says itself how much it copies */
		f->short_capture = link == FRAME_NFLOG || (captured < length && peel.end == captured);
	return true;
}

/* Lessens the length of the attribute at offset at, behind whose packet bytes are gone, and pads it anew if
 * it was padded before. Returns the bytes that are left of the frame. */
static size_t shorten_attribute(uint8_t *bytes, size_t captured, size_t at, size_t removed)
{
	const size_t before = read_host16(bytes + at), after = before - removed, end = at + after;
	const uint16_t field = (uint16_t)after;
	size_t old_padding = padded(before) - before, new_padding = padded(after) - after;

	memcpy(bytes + at, &field, sizeof(field));
	if (captured < end + old_padding)
		return captured;
	memmove(bytes + end + new_padding, bytes + end + old_padding, captured - end - old_padding);
	memset(bytes + end, 0, new_padding);
	return captured - old_padding + new_padding;
}

/* Ends the packet of a frame, which must be captured whole, after packet_length bytes: what is behind it
 * moves up, and the link's length is lessened. Returns the captured bytes of the frame, not more than before.
 */
size_t frame_shorten(const struct frame *f, uint8_t *bytes, size_t captured, size_t packet_length)
{
	const size_t end = f->begin + packet_length, removed = f->length - packet_length;
	uint8_t *field = bytes + f->link_length;

	if (removed == 0)
		return captured;
	memmove(bytes + end, bytes + end + removed, captured - end - removed);
	captured -= removed;
	if (f->link == FRAME_NFLOG)
		return shorten_attribute(bytes, captured, f->link_length, removed);
	if (f->link_length)
		packet_put_be16(field, packet_be16(field) - removed);
	return captured;
}
