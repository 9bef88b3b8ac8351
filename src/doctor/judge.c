/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * An error must leave by the interface that it was meant for, from a public address, and quote what was sent.
 */
#include "doctor/judge.h"

#include <stdio.h>
#include <string.h>

#include "doctor/drops.h"
#include "doctor/route.h"
#include "doctor/run.h"

#define UPLINK_TABLES 10000 /* where to look for a table that nobody has, for the first interface */

enum side { SIDE_PRIVATE, SIDE_PUBLIC };

/* Tells whether an address is on one side of a map for the source of errors that leave by an interface. */
static bool has_map(const struct config *config, const char *interface, enum side side, struct address a)
{
	for (uint8_t outside = 0; outside < config->n_outside; outside++) {
		if (strcmp(config->outside[outside].name, interface) != 0)
			continue;
		for (size_t i = 0; i < config->n_entries; i++) {
			const struct addrmap_entry *entry = &config->entries[i];

			if (addrmap_holds(entry, ADDRMAP_OUTER, outside) &&
				prefix_contains(side == SIDE_PUBLIC ? entry->public : entry->private, a))
				return true;
		}
	}
	return false;
}

/* Tells whether an error left by another interface than it was meant for, where nobody knows its source. */
static bool has_strayed(const struct way *way, const struct sight *sight)
{
	return sight->queued && sight->left_by && sight->left_by != sight->meant_for &&
	       !has_map(way->doctor->config, way_name_of(way, sight->left_by), SIDE_PUBLIC,
		       sight->error.outer.source);
}

/* Tells whether nothing is wrong with an error. */
bool judge_is_right(const struct way *way, const struct sight *sight)
{
	return sight->left_by && !has_strayed(way, sight) && !address_is_private(sight->error.outer.source) &&
	       sight->right_quote;
}

/* Sends a probe, from one client after the other until something is wrong: where a route has several next
 * hops, clients differ. Leaves in *probe the one that *sight is of. Returns true if nothing is wrong. */
bool judge_ask(struct way *way, struct probe *probe, struct sight *sight)
{
	prober_send(&way->prober, way->index, probe, sight);
	for (unsigned i = 1; i < WAY_CLIENTS && judge_is_right(way, sight); i++) {
		probe->source.lo++;
		prober_send(&way->prober, way->index, probe, sight);
	}
	return judge_is_right(way, sight);
}

/* Writes what keeps packets from an address on an interface, one of those that a multipath route leads to;
 * those to this host's links and inside go there all the same. Returns false if no route leads there. */
static bool write_uplink(char mend[DOCTOR_MEND_MAX], const struct way *way, unsigned interface,
	struct address client, const char *source)
{
	const char *const ip = address_is_v4(client) ? "ip" : "ip -6";
	char gateway[CONFIG_PREFIX_TEXT], via[CONFIG_PREFIX_TEXT + 5] = "";
	unsigned table = UPLINK_TABLES + interface;
	struct route route;

	if (route_find(way->doctor->twin.routes, client, NULL, interface, &route) < 0)
		return false;
	while (route_has_table(way->doctor->twin.routes, address_is_v4(client), table))
		table++;
	config_prefix_text((struct prefix){route.gateway, 128}, gateway);
	if (route.by_gateway)
		snprintf(via, sizeof(via), "via %s ", gateway);
	snprintf(mend, DOCTOR_MEND_MAX,
		"%s route add default %sdev %s table %u && %s rule add from %s lookup %u && "
		"%s rule add from %s lookup main suppress_prefixlength 0",
		ip, via, way_name_of(way, interface), table, ip, source, table, ip, source);
	return true;
}

/* Says that an error has strayed, and follows its own advice in the twin: that shows whether it is good, and
 * the same is not said of other errors again. */
static void say_strays(
	const struct way *way, const struct probe *probe, const struct sight *sight, const char *source)
{
	char mend[DOCTOR_MEND_MAX];

	if (!way->multipath || !write_uplink(mend, way, sight->meant_for, probe->source, source))
		snprintf(mend, sizeof(mend), "ip %srule add from %s lookup %u",
			address_is_v4(probe->source) ? "" : "-6 ", source, way->table);
	doctor_say(way->doctor, DOCTOR_PROBLEM, mend,
		"%s routing sends an error about %s flow by %s once its source is %s, not by %s",
		way->multipath ? "multipath" : "policy", way->flow, way_name_of(way, sight->left_by), source,
		way_name_of(way, sight->meant_for));
	run_program((const char *const[]){"sh", "-c", mend, NULL}, NULL, NULL, NULL);
}

static void say_private(const struct way *way, const struct sight *sight, const char *source)
{
	const char *interface = way_name_of(way, sight->left_by);
	char mend[DOCTOR_MEND_MAX];

	if (!sight->queued &&
		has_map(way->doctor->config, interface, SIDE_PRIVATE, sight->error.outer.source)) {
		doctor_say(way->doctor, DOCTOR_PROBLEM,
			"nft list ruleset; " RULESET_SAVE " # what queues or accepts before ours",
			"an error about %s flow leaves by %s from %s: it does not come to the capture rules",
			way->flow, interface, source);
		return;
	}
	snprintf(mend, sizeof(mend), "editor %s # maps: { private = \"%s\"; public = \"...\"; }",
		way->doctor->file, source);
	doctor_say(way->doctor, DOCTOR_PROBLEM, mend,
		"an error about %s flow leaves by %s from %s, which no map covers", way->flow, interface,
		source);
}

/* Says what the client would not know as its own packet: maps leave ports as they are, and all of IPv6 but
 * the prefix, unless they are NPTv6's. */
static void say_quote(const struct way *way, const struct probe *probe, const struct sight *sight)
{
	const struct address inner = sight->error.inner.destination;
	const bool same = address_equal(inner, probe->destination);
	char sent[CONFIG_PREFIX_TEXT], quoted[CONFIG_PREFIX_TEXT], mend[DOCTOR_MEND_MAX] = "icmpnatctl maps";

	config_prefix_text((struct prefix){probe->destination, 128}, sent);
	config_prefix_text((struct prefix){inner, 128}, quoted);
	if (same)
		snprintf(mend, sizeof(mend),
			"nft list ruleset | grep 'port set' # maps leave ports as they are");
	else if (!address_is_v4(inner) && !address_is_private(inner))
		snprintf(mend, sizeof(mend),
			"editor %s # maps: npt = true; where the rules translate by NPTv6, and only there",
			way->doctor->file);
	doctor_say(way->doctor, DOCTOR_PROBLEM, mend,
		"an error about %s flow quotes a packet to %s port %u; the client sent one to %s port %u",
		way->flow, quoted, sight->quoted_port, sent, probe->destination_port);
}

/* Says what is wrong with an error that left, if anything is. */
static void say_left(const struct way *way, const struct probe *probe, const struct sight *sight)
{
	char source[CONFIG_PREFIX_TEXT];

	config_prefix_text((struct prefix){sight->error.outer.source, 128}, source);
	if (has_strayed(way, sight))
		say_strays(way, probe, sight, source);
	else if (address_is_private(sight->error.outer.source))
		say_private(way, sight, source);
	else if (!sight->right_quote)
		say_quote(way, probe, sight);
	else
		doctor_say(way->doctor, DOCTOR_OK, NULL,
			"an error about %s flow is %s, and leaves by %s from %s", way->flow,
			sight->queued ? "queued" : "left to the kernel", way_name_of(way, sight->left_by),
			source);
}

/* Says that an error is lost where other programs hold queues. */
static void say_other_queues(const struct way *way)
{
	const struct queue *queue = &way->prober.others[0];
	const struct holder *holder = holders_find(&way->doctor->holders, queue->gate.number);

	doctor_say(way->doctor, DOCTOR_PROBLEM,
		"nft list ruleset | grep -w queue; " RULESET_SAVE
		" | grep NFQUEUE # what OUTPUT and POSTROUTING queue must not be ICMP errors",
		"an error about %s flow is lost before it is queued for icmpnatd, and no chain of nft says "
		"so: on its way to another queue the kernel loses each error about a new flow, and queue %u "
		"is held "
		"(%s, process %u)",
		way->flow, queue->gate.number, holder && holder->name[0] ? holder->name : "?",
		holder ? holder->process : 0);
}

/* Says what has become of the error about a probe. */
void judge_say(struct way *way, const struct probe *probe, struct sight *sight)
{
	if (!sight->left_by && sight->made && drops_find(way, probe, sight) > 0)
		return;
	if (sight->left_by)
		say_left(way, probe, sight);
	else if (sight->made && !sight->queued && way->prober.n_others > 0)
		say_other_queues(way);
	else if (sight->made)
		doctor_say(way->doctor, DOCTOR_PROBLEM,
			"iptables-legacy-save; ip6tables-legacy-save; ip rule; ip -6 rule "
			"# look for DROP in OUTPUT, and for a rule that leads to blackhole",
			"an error about %s flow is lost %s, and no chain of nft says so", way->flow,
			sight->queued ? "after the queue" : "before it is queued");
	else
		doctor_say(way->doctor, DOCTOR_UNKNOWN, NULL,
			"nothing that comes in provokes an error about %s flow: not looked at", way->flow);
}
