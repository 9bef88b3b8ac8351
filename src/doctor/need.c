/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The check whether this host needs icmpnatd. The kernel takes the source of its own errors from the route by
 * which they leave; where one public address for all is all that is wanted, a route that prefers it does.
 */
#define _GNU_SOURCE
#include <ifaddrs.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "doctor/doctor.h"
#include "doctor/route.h"

#define REASON_MAX 160

/* Hosts on the Internet. */
static const struct address far_hosts[RULES_FAMILIES] = {{0, 0xffff09090909}, {0x262000fe00000000, 0x9}};

/* How a route of one family would do. */
struct remedy {
	const struct rules_family *family;
	struct route_entry entry;
	struct address public;
	bool is_done; /* the route prefers it already */
};

static bool is_own(const struct doctor *doctor, struct address a)
{
	struct route route;

	return route_find(doctor->routes, a, NULL, 0, &route) == 0 && route.local;
}

/* Tells whether a map restores quotes of what stateless NAT has changed. One that is about an address of this
 * host alone has nobody behind it. */
bool doctor_has_inner_maps(const struct doctor *doctor)
{
	const struct config *config = doctor->config;

	for (size_t i = 0; i < config->n_entries; i++) {
		const struct addrmap_entry *entry = &config->entries[i];

		if (entry->parts & 1 << ADDRMAP_INNER && !prefix_equal(entry->private, entry->public) &&
			(entry->private.length != 128 || !is_own(doctor, entry->private.base)))
			return true;
	}
	return false;
}

/* Returns what is done that no route does, whatever the outer source is; NULL if there is nothing. */
static const char *find_reason(const struct doctor *doctor)
{
	const struct config *config = doctor->config;
	const bool has_extensions = doctor_read_sysctl("icmp_errors_extension_mask") > 0 ||
				    doctor_read_sysctl("../ipv6/icmp/errors_extension_mask") > 0;

	if (rules_name_hops(config, &rules_families[0]) || rules_name_hops(config, &rules_families[1]))
		return "hop_names are for errors about connections that the kernel's NAT translates";
	if (config->forwarded)
		return "errors = \"all\" is for errors of other hosts";
	if (config->lookup == LOOKUP_ALWAYS)
		return "lookup = \"always\" has each error read";
	if (rules_strip_extensions(config))
		return "extensions are removed from errors";
	if (has_extensions && config->extensions != EXTENSION_PASS)
		return "the kernel adds extensions, with its addresses, to errors";
	if (config->leaves_peers)
		return "private_peers = \"leave\" keeps the private source for private neighbours";
	if (doctor_has_inner_maps(doctor))
		return "maps restore what errors quote behind stateless NAT";
	if (config->n_outside > 1)
		return "there are several outside interfaces";
	return NULL;
}

/* Returns what the maps make of an address of this host as the source of an error. */
static struct address map_own(const struct doctor *doctor, struct address a)
{
	const struct addrmap *maps = &doctor->config->outside[0].maps[ADDRMAP_OUTER];
	const uint32_t map = addrmap_find(maps, a);

	return map == ADDRMAP_NONE ? a : addrmap_apply(&doctor->config->entries[map], a);
}

/* Tells whether the maps give another source than a public address to errors from some address of this host.
 */
static bool maps_to_others(const struct doctor *doctor, struct address public)
{
	struct address a, mapped;
	struct ifaddrs *list;
	bool others = false;

	if (getifaddrs(&list) < 0)
		return true;
	for (const struct ifaddrs *i = list; i && !others; i = i->ifa_next) {
		if (!address_from_socket(&a, i->ifa_addr) || address_is_v4(a) != address_is_v4(public))
			continue;
		mapped = map_own(doctor, a);
		others = !address_equal(mapped, a) && !address_equal(mapped, public);
	}
	freeifaddrs(list);
	return others;
}

/* Finds the route that would do for a family, without regard to what its maps say. Returns false if there is
 * no single default route by the outside interface, or the source does not come from it. */
static bool find_default(const struct doctor *doctor, struct remedy *remedy, struct route *route)
{
	const bool v6 = remedy->family->version == 6;
	const struct address to = far_hosts[v6];

	return route_find(doctor->routes, to, NULL, 0, route) == 0 && route->has_source &&
	       doctor_is_outside(doctor, route->interface) &&
	       route_find_entry(doctor->routes, to, &remedy->entry) == 0 && remedy->entry.is_default &&
	       !remedy->entry.several && (v6 || doctor_read_sysctl("icmp_errors_use_inbound_ifaddr") != 1);
}

/* Finds how a route would do what the maps of a family say. Returns false with a reason if none would. */
static bool find_remedy(const struct doctor *doctor, struct remedy *remedy, char reason[REASON_MAX])
{
	char public[CONFIG_PREFIX_TEXT];
	struct route route;

	if (!find_default(doctor, remedy, &route)) {
		snprintf(reason, REASON_MAX,
			"no single default route decides about the source of all IPv%d errors",
			remedy->family->version);
		return false;
	}
	remedy->public = map_own(doctor, route.source);
	config_prefix_text((struct prefix){remedy->public, 128}, public);
	remedy->is_done = address_equal(remedy->public, route.source) &&
			  (remedy->family->version == 4 || remedy->entry.route.has_source);
	if (address_is_private(remedy->public))
		snprintf(reason, REASON_MAX, "the default route's own source %s has no map", public);
	else if (!is_own(doctor, remedy->public))
		snprintf(reason, REASON_MAX, "%s is no address of this host, so that no route can prefer it",
			public);
	else if (maps_to_others(doctor, remedy->public))
		snprintf(reason, REASON_MAX, "this host has more than one public address in the maps");
	else
		return true;
	return false;
}

/* Adds the command that makes a default route prefer an address to those that are there. */
static void add_mend(char mend[DOCTOR_MEND_MAX], const struct remedy *remedy)
{
	const struct route *route = &remedy->entry.route;
	const bool v4 = remedy->family->version == 4;
	const size_t begin = strlen(mend);
	char text[CONFIG_PREFIX_TEXT], via[CONFIG_PREFIX_TEXT + 16] = "", metric[24] = "", table[24] = "";
	char name[IF_NAMESIZE] = "?";

	if_indextoname(route->interface, name);
	config_prefix_text((struct prefix){route->gateway, 128}, text);
	if (route->by_gateway)
		snprintf(via, sizeof(via), " via %s%s", address_is_v4(route->gateway) == v4 ? "" : "inet6 ",
			text);
	if (remedy->entry.metric)
		snprintf(metric, sizeof(metric), " metric %u", remedy->entry.metric);
	if (route->table != RT_TABLE_MAIN)
		snprintf(table, sizeof(table), " table %u", route->table);
	config_prefix_text((struct prefix){remedy->public, 128}, text);
	snprintf(mend + begin, DOCTOR_MEND_MAX - begin,
		"%sip -%d route replace default%s dev %s%s%s%s src %s", begin ? "; " : "",
		remedy->family->version, via, name, remedy->entry.onlink ? " onlink" : "", metric, table,
		text);
}

/* Says that routes do without icmpnatd, or would. */
static void say_routes(struct doctor *doctor, const struct remedy *remedies, size_t n)
{
	char mend[DOCTOR_MEND_MAX] = "", publics[2 * CONFIG_PREFIX_TEXT + 8] = "", text[CONFIG_PREFIX_TEXT];
	bool has_more = false;

	for (size_t i = 0; i < n; i++) {
		config_prefix_text((struct prefix){remedies[i].public, 128}, text);
		strcat(strcat(publics, i ? " and " : ""), text);
		if (remedies[i].is_done)
			continue;
		has_more = has_more || remedies[i].entry.has_more;
		add_mend(mend, &remedies[i]);
	}
	if (*mend && has_more) /* a command would lose that */
		snprintf(mend, sizeof(mend),
			"ip -4 route show default; ip -6 route show default # add src %s where these are "
			"made",
			publics);
	if (*mend)
		doctor_say(doctor, DOCTOR_NOTE, mend,
			"this host could prefer %s for all that it sends, errors included, without icmpnatd, "
			"with the default routes below",
			publics);
	else
		doctor_say(doctor, DOCTOR_NOTE, "systemctl disable --now icmpnatd",
			"this host prefers %s for all that it sends, errors included, and does not need "
			"icmpnatd",
			publics);
}

/* Says what needs icmpnatd where only the outer source changes: its rules, or the daemon, too. */
static void say_needed(struct doctor *doctor, const char *reason)
{
	const struct config *config = doctor->config;
	bool in_kernel = config_kernel_changes_sources(config);

	for (size_t i = 0; i < config->n_entries && in_kernel; i++)
		in_kernel = !(config->entries[i].parts & ADDRMAP_NPT);
	doctor_say(doctor, DOCTOR_OK, NULL, "icmpnatd is needed%s: %s",
		in_kernel ? " for its rules of nft" : "", reason);
}

/* Says whether icmpnatd is needed, and for what; if not, what does without it. */
void check_need(struct doctor *doctor)
{
	const char *reason = find_reason(doctor);
	char mend[DOCTOR_MEND_MAX], other[REASON_MAX];
	struct remedy remedies[RULES_FAMILIES];
	size_t n = 0;

	if (!doctor->routes)
		return;
	if (reason) {
		doctor_say(doctor, DOCTOR_OK, NULL, "icmpnatd is needed: %s", reason);
		return;
	}
	snprintf(mend, sizeof(mend), "editor %s # maps: { private = \"...\"; public = \"...\"; }",
		doctor->file);
	for (size_t i = 0; i < RULES_FAMILIES; i++) {
		if (!rules_are_needed(doctor->config, &rules_families[i]))
			continue;
		remedies[n] = (struct remedy){.family = &rules_families[i]};
		if (!find_remedy(doctor, &remedies[n++], other)) {
			say_needed(doctor, other);
			return;
		}
	}
	if (n)
		say_routes(doctor, remedies, n);
	else
		doctor_say(doctor, DOCTOR_NOTE, mend, "there is no map: icmpnatd changes nothing");
}
