/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The checks of the maps: whether public sides are routed here.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>

#include "doctor/route.h"
#include "doctor/watch.h"
#include "doctor/way.h"

#define TOLD_MAX 5 /* sentences; how many more there are is in another */

/* A public side of a map that routes lead out by an outside interface. */
struct leaving {
	struct prefix public;
	unsigned interface;
	bool by_gateway;
	bool watched, inside; /* whether a rule leads it inside all the same was looked at; and does */
};

struct leavings {
	struct leaving *list;
	size_t n;
};

/* Returns the first host of a prefix. */
static struct address first_of(struct prefix public)
{
	struct address a = public.base;

	if (public.length < 127)
		a.lo++;
	return a;
}

static int compare_leaving(const void *a, const void *b)
{
	const struct prefix *x = &((const struct leaving *)a)->public,
			    *y = &((const struct leaving *)b)->public;
	const int order = address_compare(x->base, y->base);

	return order ? order : (x->length > y->length) - (x->length < y->length);
}

/* Lists each public side once, in order. */
static void list_publics_once(const struct config *config, struct leavings *found)
{
	*found = (struct leavings){.list = calloc(config->n_entries + 1, sizeof(*found->list))};
	for (size_t i = 0; found->list && i < config->n_entries; i++)
		found->list[i].public = config->entries[i].public;
	if (found->list)
		qsort(found->list, config->n_entries, sizeof(*found->list), compare_leaving);
	for (size_t i = 0; found->list && i < config->n_entries; i++)
		if (found->n == 0 || !prefix_equal(found->list[i].public, found->list[found->n - 1].public))
			found->list[found->n++] = found->list[i];
}

/* Finds those of them that leave, which take the places of all. */
static void find_leavings(const struct doctor *doctor, struct leavings *found)
{
	struct leavings publics;
	struct route route;

	list_publics_once(doctor->config, &publics);
	*found = (struct leavings){.list = publics.list};
	for (size_t i = 0; i < publics.n; i++) {
		const struct prefix public = publics.list[i].public;

		if (route_find(doctor->routes, first_of(public), NULL, 0, &route) == 0 && !route.local &&
			doctor_is_outside(doctor, route.interface))
			found->list[found->n++] = (struct leaving){.public = public,
				.interface = route.interface,
				.by_gateway = route.by_gateway};
	}
}

/* Notes which of those that would leave by an interface to a router are led inside, for a rule of the host
 * gives them another destination before they are routed. On a link somebody must answer for them, whatever
 * the rules. */
static void watch_leavings(
	const struct doctor *doctor, struct prober *prober, unsigned interface, struct leavings *found)
{
	struct watched *list = calloc(found->n, sizeof(*list));
	size_t n = 0;
	bool watched;

	for (size_t i = 0; list && i < found->n; i++)
		if (found->list[i].by_gateway && found->list[i].interface == interface)
			list[n++].to = first_of(found->list[i].public);
	watched = n > 0 && watch_send(prober, twin_index(&doctor->twin, interface), WATCH_INSIDE, list, n);
	n = 0;
	for (size_t i = 0; list && i < found->n; i++) {
		if (!found->list[i].by_gateway || found->list[i].interface != interface)
			continue;
		found->list[i].watched = watched;
		found->list[i].inside = list[n++].is_seen;
	}
	free(list);
}

/* Finds which are led inside, in the twin. */
static void find_led_inside(struct doctor *doctor, struct leavings *found)
{
	unsigned interfaces[CONFIG_OUTSIDE_MAX];
	struct prober prober;

	for (size_t i = 0; i < doctor->config->n_outside; i++)
		interfaces[i] = if_nametoindex(doctor->config->outside[i].name);
	twin_enter(&doctor->twin);
	if (prober_open(&prober, doctor->config, &doctor->twin, &doctor->holders) == 0) {
		for (size_t i = 0; i < doctor->config->n_outside; i++)
			watch_leavings(doctor, &prober, interfaces[i], found);
		prober_close(&prober);
	}
	twin_leave(&doctor->twin);
}

/* What is to be said of those that leave: whether they are on a link, or whether rules were looked at. */
enum leaving_kind { LEAVING_UNWATCHED, LEAVING_BY_ROUTER, LEAVING_LINK, LEAVING_KINDS };

static enum leaving_kind kind_of(const struct doctor *doctor, const struct leaving *leaving)
{
	if (!leaving->by_gateway)
		return LEAVING_LINK;
	return doctor->is_whole && leaving->watched ? LEAVING_BY_ROUTER : LEAVING_UNWATCHED;
}

static void say_leaves(struct doctor *doctor, const struct leaving *leaving)
{
	const bool one = leaving->public.length == 128;
	const enum leaving_kind kind = kind_of(doctor, leaving);
	char public[CONFIG_PREFIX_TEXT], mend[DOCTOR_MEND_MAX], name[IF_NAMESIZE] = "?";

	config_prefix_text(leaving->public, public);
	if_indextoname(leaving->interface, name);
	snprintf(
		mend, sizeof(mend), one ? "ip address add %s dev lo" : "ip route add unreachable %s", public);
	if (kind == LEAVING_UNWATCHED)
		doctor_say(doctor, DOCTOR_UNKNOWN,
			"nft list ruleset; " RULESET_SAVE " # what leads it inside",
			"%s is routed away by %s, and whether rules lead it inside before was not looked at: "
			"the twin of this host is missing or not whole",
			public, name);
	else if (kind == LEAVING_BY_ROUTER)
		doctor_say(doctor, DOCTOR_PROBLEM, mend,
			"%s is not routed here: what comes for it leaves again by %s", public, name);
	else
		doctor_say(doctor, DOCTOR_NOTE, one ? mend : NULL,
			"%s is on the link of %s and not an address of this host: nobody answers for it "
			"there",
			public, name);
}

/* Says how many more there are of a kind. */
static void say_more(struct doctor *doctor, enum leaving_kind kind, size_t more, struct prefix last)
{
	static const enum doctor_state states[LEAVING_KINDS] = {DOCTOR_UNKNOWN, DOCTOR_PROBLEM, DOCTOR_NOTE};
	char public[CONFIG_PREFIX_TEXT];

	config_prefix_text(last, public);
	doctor_say(
		doctor, states[kind], NULL, "the same holds for %zu more, the last of them %s", more, public);
}

/* Says which public addresses are not routed to this host. */
void check_addresses(struct doctor *doctor)
{
	size_t told[LEAVING_KINDS] = {0};
	struct prefix last[LEAVING_KINDS];
	struct leavings found;

	if (!doctor->routes)
		return;
	find_leavings(doctor, &found);
	if (found.n > 0 && doctor->has_twin)
		find_led_inside(doctor, &found);
	for (size_t i = 0; i < found.n; i++) {
		const enum leaving_kind kind = kind_of(doctor, &found.list[i]);

		if (found.list[i].inside)
			continue;
		if (told[kind]++ < TOLD_MAX)
			say_leaves(doctor, &found.list[i]);
		last[kind] = found.list[i].public;
	}
	for (size_t kind = 0; kind < LEAVING_KINDS; kind++)
		if (told[kind] > TOLD_MAX)
			say_more(doctor, (enum leaving_kind)kind, told[kind] - TOLD_MAX, last[kind]);
	if (told[LEAVING_UNWATCHED] + told[LEAVING_BY_ROUTER] + told[LEAVING_LINK] == 0)
		doctor_say(doctor, DOCTOR_OK, NULL,
			"no public address of a map leaves again by an outside interface");
	free(found.list);
}
