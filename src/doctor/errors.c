/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The checks that provoke errors in the twin, about a new and about an
 * established flow, and hold what leaves it against what should.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <ifaddrs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/doctor.h"
#include "doctor/probe.h"
#include "doctor/trace.h"
#include "doctor/route.h"

#define CHAINS_MAX 8  /* that drop one after the other */
#define SENDS_MAX  20 /* until the trace says something */

/* Two hosts on the Internet in each family; nothing gets out of the twin. */
static const struct address hosts[RULES_FAMILIES][2] = {
	{{0, 0xffff09090909}, {0, 0xffff01010101}},
	{{0x262000fe00000000, 0x9}, {0x2606470047000000, 0x1111}},
};

/* One way into the host: what comes by an outside interface in a family. */
struct way {
	struct doctor *doctor;
	struct prober prober;
	const char *interface, *flow;
	const struct rules_family *family;
	unsigned index, table; /* table: by which the client is reached; 0 if it is not */
	struct address client, other;
	struct address own; /* of this host, from which it answers by this way */
	bool leads;	    /* any address does */
	bool has_own, numbered;
};

/* Whether the twin sends by this way what goes to the client from an address (NULL:
 * from the one that the kernel chooses). Notes the routing table if so. */
static bool leads(struct way *way, const struct address *from)
{
	struct route route;

	if (route_find(way->doctor->twin.routes, way->client, from, 0, &route) < 0 ||
		route.interface != way->index)
		return false;
	way->table = route.table;
	return true;
}

/* Looks for an address that the twin has in the family of this way: on its
 * interface, and one from which the client is reached by it. */
static void find_own(struct way *way)
{
	struct ifaddrs *list;
	struct address a;

	way->numbered = way->has_own = false;
	if (getifaddrs(&list) < 0)
		return;
	for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
		if (!address_from_socket(&a, i->ifa_addr) || address_is_v4(a) != address_is_v4(way->client) ||
			address_is_unroutable(a) ||
			a.hi >> 54 == 0xfe80 >> 6) /* link-local, RFC 4291 2.5.6 */
			continue;
		way->numbered = way->numbered || strcmp(i->ifa_name, way->interface) == 0;
		if (!way->has_own && leads(way, &a)) {
			way->own = a;
			way->has_own = true;
		}
	}
	freeifaddrs(list);
}

/* Tells a finding about one way, as doctor_say(). */
__attribute__((format(printf, 4, 5))) static void way_say(
	const struct way *way, enum doctor_state state, const char *mend, const char *format, ...)
{
	char sentence[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(sentence, sizeof(sentence), format, arguments);
	va_end(arguments);
	doctor_say(way->doctor, state, mend, "%s, IPv%d: %s", way->interface, way->family->version, sentence);
}

/* Writes the command that lets errors pass a chain that drops them. */
static void write_accept(char mend[DOCTOR_MEND_MAX], const struct way *way, const struct trace_chain *chain)
{
	const struct rules_family *f = way->family;

	if (ruleset_is_foreign(&way->doctor->ruleset, chain->family, chain->table))
		snprintf(mend, DOCTOR_MEND_MAX,
			"%s -t %s -I %s -p %s -m conntrack --ctstate INVALID,UNTRACKED -j ACCEPT",
			f->iptables, chain->table, chain->chain, f->protocol);
	else
		snprintf(mend, DOCTOR_MEND_MAX,
			"nft 'insert rule %s %s %s ct state { invalid, untracked } %s type { %s } accept'",
			chain->family, chain->table, chain->chain, f->icmp, f->types);
}

/* The chains that were named about one probe. */
struct drops {
	struct trace_chain chains[CHAINS_MAX];
	unsigned n;
};

static bool is_named(const struct drops *drops, const struct trace_chain *chain)
{
	for (unsigned i = 0; i < drops->n; i++)
		if (strcmp(drops->chains[i].family, chain->family) == 0 &&
			strcmp(drops->chains[i].table, chain->table) == 0 &&
			strcmp(drops->chains[i].chain, chain->chain) == 0)
			return true;
	return false;
}

/* Sends the probe until the trace names another chain that drops the error: when
 * the monitor begins to listen cannot be seen otherwise, and it tells late. */
static bool find_drop(struct way *way, struct trace *trace, unsigned interface, const struct probe *probe,
	struct sight *sight, struct drops *drops)
{
	struct trace_chain *chain = &drops->chains[drops->n];

	for (int i = 0; i < SENDS_MAX && drops->n < CHAINS_MAX; i++) {
		prober_send(&way->prober, interface, probe, sight);
		if (sight->left_by)
			return false;
		while (trace_find_drop(trace, chain))
			if (!is_named(drops, chain))
				return true;
	}
	return false;
}

/* Names each chain that drops the error, and follows its own advice in the twin: that shows the next chain,
 * and whether the advice is good. Returns how many chains there are. */
static unsigned find_drops(
	struct way *way, unsigned interface, const struct probe *probe, struct sight *sight)
{
	struct drops drops = {.n = 0};
	char mend[DOCTOR_MEND_MAX];
	struct trace trace;

	if (!trace_start(&trace))
		return 0;
	while (find_drop(way, &trace, interface, probe, sight, &drops)) {
		const struct trace_chain *chain = &drops.chains[drops.n++];

		write_accept(mend, way, chain);
		way_say(way, DOCTOR_PROBLEM, mend, "%s of the chain %s %s %s drops an error about %s flow",
			chain->policy ? "the policy" : "a rule", chain->family, chain->table, chain->chain,
			way->flow);
		run_program((const char *const[]){"sh", "-c", mend, NULL}, NULL, NULL, NULL);
	}
	trace_stop(&trace);
	return drops.n;
}

static const char *name_of(const struct way *way, unsigned interface)
{
	const struct twin_link *link = twin_find_link(&way->doctor->twin, interface);

	return link ? link->name : "?";
}

/* Says what is wrong with an error that left, if anything is. */
static void judge_error(struct way *way, const struct sight *sight)
{
	char source[CONFIG_PREFIX_TEXT], mend[DOCTOR_MEND_MAX];

	config_prefix_text((struct prefix){sight->error.outer.source, 128}, source);
	if (!sight->queued) {
		way_say(way, DOCTOR_PROBLEM, "nft list ruleset",
			"an error about %s flow leaves by %s and is not queued", way->flow,
			name_of(way, sight->left_by));
	} else if (sight->left_by != sight->meant_for) {
		snprintf(mend, sizeof(mend), "ip %srule add from %s lookup %u",
			address_is_v4(way->client) ? "" : "-6 ", source, way->table);
		way_say(way, DOCTOR_PROBLEM, mend,
			"policy routing sends an error about %s flow by %s once its source is %s, not by %s",
			way->flow, name_of(way, sight->left_by), source, name_of(way, sight->meant_for));
	} else if (address_is_private(sight->error.outer.source)) {
		snprintf(mend, sizeof(mend), "editor %s # maps: { private = \"%s\"; public = \"...\"; }",
			way->doctor->path, source);
		way_say(way, DOCTOR_PROBLEM, mend,
			"an error about %s flow leaves by %s from %s, which no map covers", way->flow,
			name_of(way, sight->left_by), source);
	} else if (!sight->right_quote) {
		way_say(way, DOCTOR_PROBLEM, "icmpnatctl maps",
			"an error about %s flow does not quote what the client sent", way->flow);
	} else {
		way_say(way, DOCTOR_OK, NULL, "an error about %s flow is queued, and leaves by %s from %s",
			way->flow, name_of(way, sight->left_by), source);
	}
}

/* Sends a probe, and says what becomes of the error about it. Returns false, and says
 * nothing, if no error can be seen. */
static bool judge_probe(struct way *way, unsigned interface, const struct probe *probe)
{
	struct sight sight;
	unsigned drops = 0;

	prober_send(&way->prober, interface, probe, &sight);
	if (!sight.left_by)
		drops = find_drops(way, interface, probe, &sight);
	if (sight.left_by && !drops)
		judge_error(way, &sight);
	else if (sight.queued && !drops)
		way_say(way, DOCTOR_PROBLEM,
			"iptables-legacy-save; ip6tables-legacy-save; ip rule; ip -6 rule",
			"an error about %s flow is lost after the queue, and no chain of nft says so",
			way->flow);
	return sight.left_by || sight.queued || drops;
}

/* Whether a copy, which is routed by its destination and interface alone, finds a
 * next hop by this way. The twin's own links need none. */
static bool has_copy_route(const struct way *way)
{
	const struct twin *twin = &way->doctor->twin;
	const struct twin_link *link = twin_find_link(twin, way->index);
	struct route route;

	return route_find(twin->routes, way->client, NULL, way->index, &route) == 0 &&
	       (route.by_gateway || (link && link->flags & (IFF_POINTOPOINT | IFF_NOARP)));
}

static void say_copy_route(const struct way *way)
{
	const char *ip = address_is_v4(way->client) ? "ip" : "ip -6";
	char mend[DOCTOR_MEND_MAX];

	if (way->table)
		snprintf(mend, sizeof(mend), "%s rule add oif %s lookup %u", ip, way->interface, way->table);
	else
		snprintf(mend, sizeof(mend), "%s route add default via ... dev %s metric 2000", ip,
			way->interface);
	way_say(way, DOCTOR_PROBLEM, mend,
		"copies of errors about new flows are lost: no gateway is found by the interface alone");
}

/* Provokes an error about a new flow, and says what becomes of it: the error of a
 * router, about a packet that may make no further hop; or else, where routes depend on
 * the source, of a host, about a port without a listener. */
static void check_way_new(struct way *way)
{
	struct probe probe = {way->client, way->other, 40001, 33434, 1};
	struct sight sight;

	if (!has_copy_route(way)) {
		say_copy_route(way);
		return;
	}
	prober_send(&way->prober, way->index, &probe, &sight);
	if ((sight.queued ? sight.meant_for : sight.left_by) != way->index && !way->leads && way->has_own)
		probe = (struct probe){way->client, way->own, 40001, 33434, 64};
	else if (sight.left_by && !sight.queued && sight.left_by != way->index) {
		way_say(way, DOCTOR_NOTE, "ip rule", "an error about %s flow leaves by %s", way->flow,
			name_of(way, sight.left_by));
		return;
	}
	if (judge_probe(way, way->index, &probe))
		return;
	way_say(way, DOCTOR_UNKNOWN, NULL,
		"nothing that comes in provokes an error about %s flow: not looked at", way->flow);
}

/* Opens a flow from this host, provokes an error about it, and says what becomes of
 * that; does nothing if such a flow would not leave by this way. */
static void check_way_established(struct way *way)
{
	struct probe answer;
	unsigned interface = way->index;

	if ((!way->leads && !way->has_own) || (way->doctor->copies && !has_copy_route(way)))
		return;
	if (!prober_be_opened(&way->prober, way->client, way->leads ? NULL : &way->own, &answer, &interface))
		way_say(way, DOCTOR_UNKNOWN, NULL,
			"the filter lets no question about the time out, or no answer in: %s flow was not "
			"looked at",
			way->flow);
	else if (interface == way->index && !judge_probe(way, interface, &answer))
		way_say(way, DOCTOR_UNKNOWN, NULL,
			"nothing that comes in provokes an error about %s flow: not looked at", way->flow);
}

/* Makes a check of one way, if anything leads out by it. */
static void go(struct way *way, void (*check)(struct way *way))
{
	way->table = 0;
	way->leads = leads(way, NULL);
	find_own(way);
	if (way->leads || way->has_own || way->numbered)
		check(way);
	else if (check == check_way_new)
		way_say(way, DOCTOR_NOTE, NULL, "no route leads out this way: nothing to look at");
}

static void go_all_ways(struct doctor *doctor, const char *flow, void (*check)(struct way *way))
{
	const struct config *config = doctor->config;
	struct way way = {.doctor = doctor, .flow = flow};

	if (prober_open(&way.prober, doctor->config, &doctor->twin) < 0) {
		doctor_say(doctor, DOCTOR_UNKNOWN, "modprobe nfnetlink_queue", "no queue can be bound: %s",
			strerror(errno));
		return;
	}
	for (size_t i = 0; i < config->n_outside * RULES_FAMILIES; i++) {
		way.interface = config->outside[i / RULES_FAMILIES].name;
		way.family = &rules_families[i % RULES_FAMILIES];
		way.client = hosts[i % RULES_FAMILIES][0];
		way.other = hosts[i % RULES_FAMILIES][1];
		way.index = if_nametoindex(way.interface);
		if (way.index)
			go(&way, check);
	}
	prober_close(&way.prober);
}

static void try_all(struct doctor *doctor, const char *flow, void (*check)(struct way *way))
{
	if (!doctor->has_rules)
		return;
	twin_enter(&doctor->twin);
	go_all_ways(doctor, flow, check);
	twin_leave(&doctor->twin);
}

/* Says what becomes of errors about new flows, if the rules copy them. */
void check_new_flow(struct doctor *doctor)
{
	if (doctor->copies)
		try_all(doctor, "a new", check_way_new);
}

/* Says what becomes of errors about established flows. Chains that new flows have
 * shown to drop are mended in the twin by now, and are not named again. */
void check_established_flow(struct doctor *doctor)
{
	try_all(doctor, "an established", check_way_established);
}
