/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The ways into this host: what comes by an outside interface in a family. Each is looked at in the twin.
 */
#ifndef DOCTOR_WAY_H
#define DOCTOR_WAY_H

#include "doctor/doctor.h"
#include "doctor/probe.h"

#define WAY_CLIENTS 16 /* one address after the other: enough to find each next hop of a route */

struct way {
	struct doctor *doctor;
	struct prober prober;
	const char *interface, *flow;
	const struct rules_family *family;
	uint8_t outside;       /* of the interface in the configuration */
	unsigned index, table; /* table: by which the client is reached; 0 if it is not */
	struct address client, other;
	struct address own; /* of this host, from which it answers by this way */
	bool leads;	    /* any address does */
	bool multipath;	    /* others of the clients are reached by other interfaces */
	bool has_own, numbered;
};

struct address way_client_for(struct address a);
const char *way_name_of(const struct way *way, unsigned interface);
bool way_goes_elsewhere(const struct way *way, const struct sight *sight);
void way_go_all(struct doctor *doctor, const char *flow, void (*check)(struct way *way));

#endif
