/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The transport protocols that NAT has to know about. For any other one only
 * the addresses of the IP header can be changed.
 */
#include "core/transport.h"

#include <netinet/in.h>

/* Tells whether ICMP messages of a type have an identifier: echo, timestamp,
 * information and address mask (RFC 792, RFC 950), in IPv6 echo (RFC 4443). */
static bool is_query(uint8_t version, uint8_t type)
{
	if (version == 6)
		return type == 128 || type == 129;
	return type == 0 || type == 8 || (type >= 13 && type <= 18);
}

/* Returns what the transport header of p holds; all false if none can be seen, or for any other
 * protocol. Whether each field is inside the quoted bytes is for packet_quotes() to say. */
struct transport transport_of(const struct packet *p, const uint8_t *bytes)
{
	if (!packet_quotes(p, 0, 1) || packet_has_foreign_icmp(p))
		return (struct transport){0};
	switch (p->protocol) {
	case IPPROTO_TCP:
		return (struct transport){.has_ports = true, .checksum = 16, .pseudo_header = true};
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE: /* RFC 3828, 3.1: never without a checksum */
		return (struct transport){.has_ports = true,
			.checksum = 6,
			.pseudo_header = true,
			.checksum_is_opt = p->protocol == IPPROTO_UDP,
			.never_zero = true};
	case IPPROTO_DCCP: /* RFC 4340, 5.1 */
		return (struct transport){.has_ports = true, .checksum = 6, .pseudo_header = true};
	case IPPROTO_SCTP: /* RFC 9260, 3.1; no pseudo-header */
		return (struct transport){.has_ports = true, .has_crc32c = true};
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return (struct transport){.has_id = is_query(p->version, bytes[p->transport]),
			.checksum = 2,
			.pseudo_header = p->version == 6};
	}
	return (struct transport){0};
}
