/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Packets within packets.
 */
#ifndef CORE_TUNNEL_H
#define CORE_TUNNEL_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/packet.h"

#define TUNNEL_PROTOCOLS                                                                                     \
	(UINT64_C(1) << IPPROTO_IPIP | UINT64_C(1) << IPPROTO_IPV6 | UINT64_C(1) << IPPROTO_GRE)

/* Tells whether there may be another IP packet in a packet. */
static inline bool tunnel_is_in(const struct packet *p)
{
	return p->protocol < 64 && TUNNEL_PROTOCOLS >> p->protocol & 1;
}

bool tunnel_has_private(const struct packet *p, const uint8_t *bytes);

#endif
