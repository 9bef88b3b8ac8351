/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Where the transport protocols keep what NAT changes: ports or identifier, and
 * the checksum. One table for the reader (flow.c) and the editor (translate.c).
 */
#ifndef CORE_TRANSPORT_H
#define CORE_TRANSPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/packet.h"

/* Offsets in bytes from the start of the transport header. */
struct transport {
	bool has_ports;	      /* source port at 0, destination port at 2 */
	bool has_crc32c;      /* of SCTP, at 8, over the transport header and all behind it */
	bool has_id;	      /* an ICMP query: identifier at 4 */
	uint8_t checksum;     /* offset of an Internet checksum; 0: there is none */
	bool pseudo_header;   /* .. which covers the addresses */
	bool checksum_is_opt; /* .. and is absent where it is 0 (RFC 768) */
	bool never_zero;      /* .. and a computed 0 is sent as 0xffff (RFC 768, RFC 3828) */
};

struct transport transport_of(const struct packet *p, const uint8_t *bytes);

#endif
