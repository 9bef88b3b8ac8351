/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Says what must become of a generated packet: maps by a plain search, flows by how
 * they were made up, extensions by what was put into them.
 */
#ifndef TESTS_ORACLE_H
#define TESTS_ORACLE_H

#include "core/decide.h"
#include "generator.h"

#define WORLD_MAPS 6

struct world_map {
	int version;
	struct ip private, public;
	unsigned length, public_length; /* bits */
	unsigned parts;
	bool npt;
};

/* A set of maps, a few of them of the other version, and the tables that the translator makes of it and of
 * its inverse. */
struct world {
	int version;
	struct world_map maps[WORLD_MAPS];
	size_t n_maps;
	bool invertible;
	struct addrmap_entry entries[2][WORLD_MAPS];
	struct addrmap_range ranges[2][ADDRMAP_PARTS][ADDRMAP_RANGES(WORLD_MAPS)];
	struct addrmap tables[2][ADDRMAP_PARTS]; /* forwards, backwards */
};

enum flow_kind {
	FLOW_NONE,    /* nobody knows a flow */
	FLOW_NAT,     /* the packet is quoted as it is behind the NAT of its flow */
	FLOW_UNDONE,  /* .. as it is before it */
	FLOW_HALF,    /* .. between the kernel's hooks, with one end translated */
	FLOW_PLAIN,   /* a flow without NAT */
	FLOW_FOREIGN, /* a flow that it does not belong to */
	FLOW_KINDS
};

/* One packet with all that decides about it. */
struct trial {
	const struct world *world;
	struct shape shape;
	struct ends ends, sent; /* sent: as the flow says that the inner packet was sent */
	enum flow_kind kind;
	struct flow flow;
	enum extension_policy policy;
	uint8_t input[GENERATOR_ROOM], expected[GENERATOR_ROOM];
	struct layout layout, expected_layout;
	bool for_peer;	 /* it goes to a private address */
	bool left_alone; /* .. which sent to a private one */
};

void world_make(struct world *world, bool invertible);
struct ip world_stranger(int version);
struct ip world_end(const struct world *world, int version);
void trial_make(struct trial *trial, const struct world *world);
bool trial_uses_flow(const struct trial *trial);
struct flow trial_flow_backwards(const struct trial *trial);

#endif
