/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The addresses in the options of an IPv4 header: routers that the packet has passed, or is to pass.
 */
#ifndef CORE_OPTIONS_H
#define CORE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An address of a router on the way of a packet, which its header holds beside those of its ends. */
struct options_hop {
	size_t offset; /* in the bytes that the walk is over */
	bool final;    /* it is where a packet goes in the end that is not on its last hop yet */
};

/* A walk over them. */
struct options_walk {
	const uint8_t *bytes;	     /* of the outermost packet; all places are offsets in it */
	size_t next, end;	     /* the next option, and where all end */
	size_t address, step, limit; /* of the option that is walked: its next address, and where they end */
	bool seen_route;	     /* a source route has been met; only the first one counts */
	bool pending;		     /* this one is a source route that is not used up */
};

void options_begin(struct options_walk *walk, const uint8_t *bytes, size_t header);
bool options_next(struct options_walk *walk, struct options_hop *hop);
bool options_have_route_left(const uint8_t *bytes, size_t header);

#endif
