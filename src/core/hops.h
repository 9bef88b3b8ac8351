/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The addresses of routers on the way of a packet, which its headers hold beside those of its ends: IPv4
 * options, IPv6 routing headers.
 */
#ifndef CORE_HOPS_H
#define CORE_HOPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/options.h"
#include "core/packet.h"

/* A walk over them, of a packet that has_hops. */
struct hops_walk {
	struct options_walk options; /* of IPv4; the rest is of IPv6 */
	const uint8_t *bytes;
	size_t next, end; /* the next extension header, and the end of the packet */
	size_t address, limit,
		last; /* of this one: the next address, the end, and where the packet goes last */
	uint8_t version, protocol; /* protocol: of the next header */
};

void hops_begin(struct hops_walk *walk, const struct packet *p, const uint8_t *bytes);
bool hops_next(struct hops_walk *walk, struct options_hop *hop);

#endif
