/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The checks of the maps: whether public sides are routed here, and whether less than a daemon would do.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>

#include "doctor/doctor.h"
#include "doctor/route.h"

#define TOLD_MAX 5 /* addresses; more say no more */

static bool is_outside(const struct doctor *doctor, unsigned interface)
{
	const struct config *config = doctor->config;

	for (size_t i = 0; interface && i < config->n_outside; i++)
		if (if_nametoindex(config->outside[i].name) == interface)
			return true;
	return false;
}

/* Tells whether what comes for the first public address of a map leaves by an outside interface. */
static bool leaves(const struct doctor *doctor, const struct addrmap_entry *entry, struct route *route)
{
	struct address a = entry->public.base;

	if (entry->public.length < 127)
		a.lo++;
	return route_find(doctor->routes, a, NULL, 0, route) == 0 && !route->local &&
	       is_outside(doctor, route->interface);
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
	if (route->by_gateway)
		doctor_say(doctor, DOCTOR_PROBLEM, mend,
			"%s is not routed here: what comes for it leaves again by %s", public, name);
	else
		doctor_say(doctor, DOCTOR_NOTE, mend,
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
	unsigned told = 0;

	for (size_t i = 0; doctor->routes && i < config->n_entries && told < TOLD_MAX; i++) {
		const struct addrmap_entry *entry = &config->entries[i];

		if (address_equal(entry->public.base, last.base) || !leaves(doctor, entry, &route))
			continue;
		last = entry->public;
		say_leaves(doctor, entry, &route);
		told++;
	}
	if (told == 0)
		doctor_say(doctor, DOCTOR_OK, NULL,
			"no public address of a map leaves again by an outside interface");
}

static bool is_own(const struct doctor *doctor, struct address a)
{
	struct route route;

	return route_find(doctor->routes, a, NULL, 0, &route) == 0 && route.local;
}

/* Tells whether the maps are for this host's own addresses alone: no inner packet can need one then. */
static bool maps_own_only(const struct doctor *doctor)
{
	const struct config *config = doctor->config;

	for (size_t i = 0; i < config->n_entries; i++)
		if (config->entries[i].private.length != 128 ||
			!is_own(doctor, config->entries[i].private.base))
			return false;
	return config->n_entries > 0;
}

/* Prints the rule of nft that does what a map says. */
static void print_map_rule(FILE *out, const struct config *config, const struct addrmap_entry *entry)
{
	const struct rules_family *f = &rules_families[address_is_v4(entry->private.base) ? 0 : 1];
	char private[CONFIG_PREFIX_TEXT], public[CONFIG_PREFIX_TEXT];

	config_prefix_text(entry->private, private);
	config_prefix_text(entry->public, public);
	fputs("oifname {", out);
	for (size_t i = 0; i < config->n_outside; i++)
		if (entry->outside == ADDRMAP_ANY || entry->outside == i)
			fprintf(out, " \"%s\",", config->outside[i].name);
	fprintf(out, " } %s saddr %s %s type { %s } %s saddr set %s; ", f->table, private, f->icmp, f->types,
		f->table, public);
}

/* Says how the kernel can prefer a public source by itself, which it can with one uplink. */
static void say_route(struct doctor *doctor)
{
	const struct addrmap_entry *entry = doctor->config->entries;
	const struct address anywhere = {0, 0xffff09090909};
	char public[CONFIG_PREFIX_TEXT], gateway[CONFIG_PREFIX_TEXT], mend[DOCTOR_MEND_MAX];
	struct route route;

	if (doctor->config->n_outside != 1 || doctor->config->n_entries != 1 ||
		!address_is_v4(entry->public.base) || !is_own(doctor, entry->public.base) ||
		route_find(doctor->routes, anywhere, NULL, 0, &route) < 0 || !route.by_gateway)
		return;
	config_prefix_text(entry->public, public);
	config_prefix_text((struct prefix){route.gateway, 128}, gateway);
	snprintf(mend, sizeof(mend), "ip route replace default via %s src %s", gateway, public);
	doctor_say(doctor, DOCTOR_NOTE, mend,
		"this host could prefer %s for all that it sends, errors included", public);
}

/* Says whether something simpler than the daemon would do. */
void check_need(struct doctor *doctor)
{
	char *rules = NULL;
	size_t length;
	FILE *out;

	if (!doctor->routes || !maps_own_only(doctor)) {
		doctor_say(doctor, DOCTOR_OK, NULL, "no single rule of nft would do what the maps say");
		return;
	}
	out = open_memstream(&rules, &length);
	if (!out)
		return;
	fputs("nft 'table inet icmp_source { chain postrouting { "
	      "type filter hook postrouting priority srcnat + 10; ",
		out);
	for (size_t i = 0; i < doctor->config->n_entries; i++)
		print_map_rule(out, doctor->config, &doctor->config->entries[i]);
	fputs("}; }'", out);
	fclose(out);
	doctor_say(doctor, DOCTOR_NOTE, rules,
		"the maps only change the source of errors of this host itself: this does the same without "
		"icmpnatd");
	free(rules);
	say_route(doctor);
}
