/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The checks of the maps: whether public sides are routed here.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>

#include "doctor/reach.h"
#include "doctor/route.h"

#define TOLD_MAX   5 /* addresses; more say no more */
#define INSIDE_MAX 8 /* .. that turn out to lead inside, each after some time */

/* Returns the first host of the public side of a map. */
static struct address first_of(const struct addrmap_entry *entry)
{
	struct address a = entry->public.base;

	if (entry->public.length < 127)
		a.lo++;
	return a;
}

/* Tells whether routes lead what comes for the public side of a map out by an outside interface. */
static bool leaves(const struct doctor *doctor, const struct addrmap_entry *entry, struct route *route)
{
	return route_find(doctor->routes, first_of(entry), NULL, 0, route) == 0 && !route->local &&
	       doctor_is_outside(doctor, route->interface);
}

/* Tells whether it is inside all the same, for a rule of the host gives it another destination before it is
 * routed. On a link somebody must answer for it, whatever the rules. */
static bool is_led_inside(struct doctor *doctor, const struct addrmap_entry *entry, const struct route *route)
{
	char name[IF_NAMESIZE];

	return route->by_gateway && if_indextoname(route->interface, name) &&
	       reach_inside(doctor, name, first_of(entry));
}

static void say_leaves(struct doctor *doctor, const struct addrmap_entry *entry, const struct route *route)
{
	char public[CONFIG_PREFIX_TEXT], mend[DOCTOR_MEND_MAX], name[IF_NAMESIZE] = "?";

	config_prefix_text(entry->public, public);
	if_indextoname(route->interface, name);
	if (entry->public.length == 128)
		snprintf(mend, sizeof(mend), "ip address add %s dev lo", public);
	else
		snprintf(mend, sizeof(mend), "ip route add unreachable %s", public);
	if (route->by_gateway && !doctor->is_whole)
		doctor_say(doctor, DOCTOR_UNKNOWN,
			"nft list ruleset; iptables-save -t nat; ip6tables-save -t nat # what leads it "
			"inside",
			"%s is routed away by %s, and whether rules lead it inside before was not looked at: "
			"the twin of this host is missing or not whole",
			public, name);
	else if (route->by_gateway)
		doctor_say(doctor, DOCTOR_PROBLEM, mend,
			"%s is not routed here: what comes for it leaves again by %s", public, name);
	else
		doctor_say(doctor, DOCTOR_NOTE, entry->public.length == 128 ? mend : NULL,
			"%s is on the link of %s and not an address of this host: nobody answers for it "
			"there",
			public, name);
}

/* Says which public addresses are not routed to this host. */
void check_addresses(struct doctor *doctor)
{
	const struct config *config = doctor->config;
	struct prefix last = {.length = 0};
	struct route route;
	unsigned told = 0, inside = 0;

	for (size_t i = 0; doctor->routes && i < config->n_entries && told < TOLD_MAX && inside < INSIDE_MAX;
		i++) {
		const struct addrmap_entry *entry = &config->entries[i];

		if (address_equal(entry->public.base, last.base) || !leaves(doctor, entry, &route))
			continue;
		last = entry->public;
		if (is_led_inside(doctor, entry, &route)) {
			inside++;
			continue;
		}
		say_leaves(doctor, entry, &route);
		told++;
	}
	if (told == 0)
		doctor_say(doctor, DOCTOR_OK, NULL,
			"no public address of a map leaves again by an outside interface");
}
