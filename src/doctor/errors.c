/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The checks that provoke errors in the twin, about a new and about an established flow.
 */
#include <linux/rtnetlink.h>
#include <stdio.h>

#include "doctor/judge.h"
#include "doctor/route.h"

/* Tells whether a copy finds a next hop by this way. nft sends it to that of the error; iptables routes it by
 * its destination and interface alone, and the twin's own links need none. */
static bool has_copy_route(const struct way *way)
{
	const struct twin *twin = &way->doctor->twin;
	const struct twin_link *link = twin_find_link(twin, way->index);
	struct route route;

	return !way->doctor->tees ||
	       (route_find(twin->routes, way->client, NULL, way->index, &route) == 0 &&
		       (route.by_gateway || (link && link->host.flags & (IFF_POINTOPOINT | IFF_NOARP))));
}

/* Writes the command by which a copy finds a router by its interface alone: that of the table by which errors
 * leave this way, or that by which this host's own address does. */
static void write_copy_route(const struct way *way, char mend[DOCTOR_MEND_MAX])
{
	const char *ip = address_is_v4(way->client) ? "ip" : "ip -6";
	char router[CONFIG_PREFIX_TEXT];
	struct route route;

	if (way->table && way->table != RT_TABLE_MAIN) {
		snprintf(mend, DOCTOR_MEND_MAX, "%s rule add oif %s lookup %u", ip, way->interface,
			way->table);
	} else if (way->has_own &&
		   route_find(way->doctor->twin.routes, way->client, &way->own, 0, &route) == 0 &&
		   route.by_gateway) {
		config_prefix_text((struct prefix){route.gateway, 128}, router);
		snprintf(mend, DOCTOR_MEND_MAX, "%s route add default via %s dev %s metric 2000", ip, router,
			way->interface);
	} else {
		snprintf(mend, DOCTOR_MEND_MAX,
			"%s route add default via ROUTER dev %s metric 2000 # put the router's address in "
			"for ROUTER",
			ip, way->interface);
	}
}

static void say_copy_route(const struct way *way)
{
	char mend[DOCTOR_MEND_MAX];

	write_copy_route(way, mend);
	doctor_say(way->doctor, DOCTOR_PROBLEM, mend,
		"errors about new flows stay untranslated: TEE needs a router for its copy, and no route by "
		"%s alone has one",
		way->interface);
}

static void say_elsewhere(const struct way *way, const struct sight *sight)
{
	doctor_say(way->doctor, DOCTOR_NOTE, address_is_v4(way->client) ? "ip rule" : "ip -6 rule",
		"an error about %s flow leaves by %s", way->flow, way_name_of(way, sight->left_by));
}

/* Provokes an error about a new flow, and says what becomes of it: a router's, about a packet that may make
 * no further hop; or a host's, about a port without a listener, where routes depend on the source, or this
 * host is no router. */
static void check_way_new(struct way *way)
{
	struct probe probe = {way->client, way->other, 40001, 33434, 1};
	struct sight sight;

	if (!way->leads && !way->has_own && !way->numbered) {
		doctor_say(way->doctor, DOCTOR_NOTE, NULL, "no route leads out this way: nothing to look at");
		return;
	}
	if (!has_copy_route(way)) {
		say_copy_route(way);
		return;
	}
	prober_send(&way->prober, way->index, &probe, &sight);
	if (way->has_own && (!sight.made || (way_goes_elsewhere(way, &sight) && !way->leads)))
		probe = (struct probe){way->client, way->own, 40001, 33434, 64};
	else if (!sight.queued && way_goes_elsewhere(way, &sight)) {
		say_elsewhere(way, &sight);
		return;
	}
	judge_ask(way, &probe, &sight);
	judge_say(way, &probe, &sight);
}

/* Opens a flow from this host to a client, to whom it leaves by this way: *by_way tells whether there is one.
 * Returns false if no flow can be opened. */
static bool open_flow(struct way *way, struct probe *answer, bool *by_way)
{
	const unsigned clients = way->multipath ? WAY_CLIENTS : 1;
	struct address client = way->client;
	unsigned interface;

	*by_way = false;
	for (unsigned i = 0; i < clients && !*by_way; i++, client.lo++) {
		interface = way->index;
		if (!prober_be_opened(
			    &way->prober, client, way->leads ? NULL : &way->own, answer, &interface))
			return false;
		*by_way = interface == way->index;
	}
	return true;
}

/* Opens a flow from this host, if one leaves by this way, and says what becomes of an error about it. */
static void check_way_established(struct way *way)
{
	struct probe answer;
	struct sight sight;
	bool by_way;

	if ((!way->leads && !way->has_own) || !has_copy_route(way))
		return;
	if (!open_flow(way, &answer, &by_way)) {
		doctor_say(way->doctor, DOCTOR_UNKNOWN, NULL,
			"the filter lets no question about the time out, or no answer in: %s flow was not "
			"looked at",
			way->flow);
	} else if (by_way) {
		prober_send(&way->prober, way->index, &answer, &sight);
		if (!sight.queued && way_goes_elsewhere(way, &sight) &&
			!doctor_is_outside(way->doctor, sight.left_by))
			say_elsewhere(way, &sight);
		else
			judge_say(way, &answer, &sight);
	}
}

/* Says what becomes of errors about new flows, if the rules copy them. */
void check_new_flow(struct doctor *doctor)
{
	if (doctor->copies)
		way_go_all(doctor, "a new", check_way_new);
}

/* Says what becomes of errors about established flows. Chains that new flows have shown to drop are mended in
 * the twin by now, and are not named again. */
void check_established_flow(struct doctor *doctor)
{
	way_go_all(doctor, "an established", check_way_established);
}
