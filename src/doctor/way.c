/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Finds, for each way into the host, what the twin's routes and addresses make of it.
 */
#define _GNU_SOURCE
#include "doctor/way.h"

#include <errno.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <string.h>

#include "doctor/route.h"

/* Hosts on the Internet in each family: the first client, and where it sends to. Nothing gets out of the
 * twin. */
static const struct address hosts[RULES_FAMILIES][2] = {
	{{0, 0xffff09090909}, {0, 0xffff01010101}},
	{{0x262000fe00000000, 0x9}, {0x2606470047000000, 0x1111}},
};

/* Returns the first of the clients that send to an address. */
struct address way_client_for(struct address a)
{
	return hosts[address_is_v4(a) ? 0 : 1][0];
}

/* Tells whether a packet that leaves by an interface leaves this way. */
static bool is_this_way(const struct way *way, unsigned interface)
{
	const struct twin_link *link = twin_find_link(&way->doctor->twin, interface);

	return interface == way->index || (link && link->vrf == way->index);
}

/* Tells whether the twin sends to the client by this way, from an address. Notes the table. */
static bool leads(struct way *way, struct address from)
{
	struct route route;

	if (route_find(way->doctor->twin.routes, way->client, &from, way->prober.vrf, &route) < 0 ||
		!is_this_way(way, route.interface))
		return false;
	way->table = route.table;
	return true;
}

/* Looks for the twin's addresses in this way's family: any of its interface; one that leads out by it. */
static void find_own(struct way *way)
{
	struct ifaddrs *list;
	struct address a;

	way->numbered = way->has_own = false;
	if (getifaddrs(&list) < 0)
		return;
	for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
		if (!address_from_socket(&a, i->ifa_addr) || address_is_v4(a) != address_is_v4(way->client) ||
			address_is_loopback(a) || a.hi >> 54 == 0xfe80 >> 6) /* link-local, RFC 4291 2.5.6 */
			continue;
		way->numbered = way->numbered || is_this_way(way, if_nametoindex(i->ifa_name));
		if (!way->has_own && leads(way, a)) {
			way->own = a;
			way->has_own = true;
		}
	}
	freeifaddrs(list);
}

/* Chooses the client: one that is reached by this way, if any is. Where a route has several next hops, they
 * share the clients. */
static void choose_client(struct way *way, struct address first)
{
	struct route route;
	bool elsewhere = false;

	way->client = first;
	way->prober.port = way->table = 0;
	way->leads = false;
	for (unsigned i = 0; i < WAY_CLIENTS; i++) {
		const struct address client = {first.hi, first.lo + i};

		if (route_find(way->doctor->twin.routes, client, NULL, way->prober.vrf, &route) < 0)
			continue;
		elsewhere = elsewhere || !is_this_way(way, route.interface);
		if (!is_this_way(way, route.interface) || way->leads)
			continue;
		way->prober.port = route.interface;
		way->client = client;
		way->table = route.table;
		way->leads = true;
	}
	way->multipath = way->leads && elsewhere;
}

/* Returns the name of an interface of the twin. */
const char *way_name_of(const struct way *way, unsigned interface)
{
	const struct twin_link *link = twin_find_link(&way->doctor->twin, interface);

	return link ? link->host.name : "?";
}

/* Tells whether an error about what came in by this way was to leave by another interface, as routes say that
 * do not share clients out. */
bool way_goes_elsewhere(const struct way *way, const struct sight *sight)
{
	const unsigned leaves = sight->queued ? sight->meant_for : sight->left_by;

	return leaves && leaves != way->index && !way->multipath;
}

/* Finds the VRF of an interface of the twin, which may be one; 0: none. */
static unsigned find_vrf(const struct twin *twin, unsigned interface)
{
	const struct twin_link *link = twin_find_link(twin, interface);

	return !link ? 0 : link->host.table ? interface : link->vrf;
}

/* Makes a check of each way into the host, in the twin with its rules; flow says in a sentence what it is
 * about. */
void way_go_all(struct doctor *doctor, const char *flow, void (*check)(struct way *way))
{
	const struct config *config = doctor->config;
	struct way way = {.doctor = doctor, .flow = flow};

	if (!doctor->has_rules)
		return;
	twin_enter(&doctor->twin);
	if (prober_open(&way.prober, doctor->config, &doctor->twin, &doctor->holders) < 0) {
		doctor_say(doctor, DOCTOR_UNKNOWN, "modprobe nfnetlink_queue", "no queue can be bound: %s",
			strerror(errno));
		twin_leave(&doctor->twin);
		return;
	}
	for (size_t i = 0; i < config->n_outside * RULES_FAMILIES; i++) {
		way.outside = (uint8_t)(i / RULES_FAMILIES);
		way.interface = config->outside[way.outside].name;
		way.family = &rules_families[i % RULES_FAMILIES];
		way.other = hosts[i % RULES_FAMILIES][1];
		way.index = if_nametoindex(way.interface);
		if (!way.index)
			continue;
		snprintf(doctor->about, sizeof(doctor->about), "%s, IPv%d: ", way.interface,
			way.family->version);
		way.prober.vrf = find_vrf(&doctor->twin, way.index);
		choose_client(&way, hosts[i % RULES_FAMILIES][0]);
		find_own(&way);
		check(&way);
	}
	doctor->about[0] = '\0';
	prober_close(&way.prober);
	twin_leave(&doctor->twin);
}
