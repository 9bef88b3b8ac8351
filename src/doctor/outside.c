/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The check of the outside interfaces: whether errors leave by them at all, or by another that stands on
 * them, or of which they are a port.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "doctor/doctor.h"
#include "doctor/links.h"
#include "doctor/route.h"

/* Hosts on the Internet. */
static const struct address anywhere[] = {{0, 0xffff09090909}, {0x262000fe00000000, 0x9}};

/* What is known when an outside interface is looked at. */
struct outlook {
	struct doctor *doctor;
	struct links links;
	const struct link *way_out; /* what the default route has; NULL: there is none */
	bool leads_far;		    /* one of the outside interfaces does */
};

/* Tells whether an interface is an outside one. */
bool doctor_is_outside(const struct doctor *doctor, unsigned interface)
{
	const struct config *config = doctor->config;

	for (size_t i = 0; interface && i < config->n_outside; i++)
		if (if_nametoindex(config->outside[i].name) == interface)
			return true;
	return false;
}

/* Returns the interface by which one gets to the Internet, or NULL. */
static const struct link *find_way_out(const struct doctor *doctor, const struct links *links)
{
	struct route route;

	for (size_t i = 0; i < sizeof(anywhere) / sizeof(anywhere[0]); i++)
		if (route_find(doctor->routes, anywhere[i], NULL, 0, &route) == 0 && !route.local &&
			route.interface)
			return links_find(links, route.interface);
	return NULL;
}

/* Returns the interface that stands on another one and leads beyond its own network, or NULL. */
static const struct link *find_above(const struct links *links, const struct link *link)
{
	for (size_t i = 0; i < links->n; i++)
		if (links->all[i].below == link->index && links->all[i].far)
			return &links->all[i];
	return NULL;
}

/* Says that nothing leaves by an interface, but by another: a problem, unless that is outside as well. */
static void say_meant(
	const struct outlook *outlook, const struct link *link, const char *why, const struct link *meant)
{
	struct doctor *doctor = outlook->doctor;
	const bool is_outside = doctor_is_outside(doctor, meant->index);
	char mend[DOCTOR_MEND_MAX];

	if (is_outside)
		snprintf(mend, sizeof(mend), "editor %s # outside: without \"%s\"; then icmpnatctl reload",
			doctor->file, link->name);
	else
		snprintf(mend, sizeof(mend),
			"editor %s # outside: \"%s\" in place of \"%s\"; then icmpnatctl reload",
			doctor->file, meant->name, link->name);
	doctor_say(doctor, is_outside ? DOCTOR_NOTE : DOCTOR_PROBLEM, mend,
		"%s %s %s: errors leave by that one, and never by %s", link->name, why, meant->name,
		link->name);
}

/* Says what is to be thought of an interface that is up, and by which no route leads: whoever answers by
 * another one, does it by that of the default route. */
static void say_nowhere(const struct outlook *outlook, const struct link *link)
{
	char mend[DOCTOR_MEND_MAX];

	snprintf(mend, sizeof(mend), "ip route show table all dev %s; ip -6 route show table all dev %s",
		link->name, link->name);
	if (!(link->flags & IFF_RUNNING))
		doctor_say(outlook->doctor, DOCTOR_NOTE, mend,
			"%s has no carrier, and no route leads out by it", link->name);
	else if (outlook->way_out && !doctor_is_outside(outlook->doctor, outlook->way_out->index))
		say_meant(outlook, link, "has no route; the default route has", outlook->way_out);
	else
		doctor_say(outlook->doctor, DOCTOR_PROBLEM, mend, "no route leads out by %s, of IPv4 or IPv6",
			link->name);
}

/* Says what is to be thought of an interface that leads no further than to its own network, as the device
 * below a PPP link does that has an address for its modem: nothing tells that one stands on the other. An
 * inside interface may be among those that lead out. */
static void say_near(const struct outlook *outlook, const struct link *link)
{
	const struct link *out = outlook->way_out;

	if (out && !outlook->leads_far && out->flags & IFF_POINTOPOINT && !(link->flags & IFF_POINTOPOINT))
		say_meant(outlook, link, "leads to its own network only; the default route has", out);
	else
		doctor_say(outlook->doctor, DOCTOR_OK, NULL, "%s is there, and leads to its own network",
			link->name);
}

/* Says what is to be thought of an interface that is there. */
static void judge(const struct outlook *outlook, const struct link *link)
{
	const struct link *master = links_find(&outlook->links, link->master);
	const struct link *above = find_above(&outlook->links, link);
	char why[2 * IFNAMSIZ + 16];

	if (master && strcmp(master->kind, "vrf") == 0) {
		say_meant(outlook, link, "belongs to the VRF", master);
	} else if (link->far ||
		   link == outlook->way_out) { /* of a nexthop object, a route may tell no more */
		doctor_say(outlook->doctor, DOCTOR_OK, NULL, "%s is there", link->name);
	} else if (master && strcmp(master->kind, "openvswitch") != 0) { /* whose own ports are no masters */
		snprintf(why, sizeof(why), "is a port of the %s", master->kind);
		say_meant(outlook, link, why, master);
	} else if (!(link->flags & IFF_UP)) {
		snprintf(why, sizeof(why), "ip link set %s up", link->name);
		doctor_say(outlook->doctor, DOCTOR_NOTE, why, "%s is down", link->name);
	} else if (above) {
		say_meant(outlook, link, "is below", above);
	} else if (link->routed) {
		say_near(outlook, link);
	} else {
		say_nowhere(outlook, link);
	}
}

/* Says what is to be thought of a name that no interface has: nft knows an interface by its own name only,
 * while programs accept others of it. */
static void say_missing(const struct outlook *outlook, const char *name)
{
	const struct link *other = links_find(&outlook->links, if_nametoindex(name));
	char mend[DOCTOR_MEND_MAX];

	if (other) {
		snprintf(mend, sizeof(mend),
			"editor %s # outside: \"%s\" in place of \"%s\"; then icmpnatctl reload",
			outlook->doctor->file, other->name, name);
		doctor_say(outlook->doctor, DOCTOR_PROBLEM, mend,
			"%s is but another name of %s, by which no rule knows it", name, other->name);
	} else {
		snprintf(mend, sizeof(mend), "ip -br link # is it another one? Then correct outside in %s",
			outlook->doctor->file);
		doctor_say(
			outlook->doctor, DOCTOR_PROBLEM, mend, "the outside interface %s is missing", name);
	}
}

/* Says of each outside interface whether it is there, and whether errors leave by it. */
void check_interfaces(struct doctor *doctor)
{
	const struct config *config = doctor->config;
	struct outlook outlook = {.doctor = doctor};

	if (!doctor->routes || links_read(doctor->routes, &outlook.links) < 0) {
		doctor_say(doctor, DOCTOR_UNKNOWN, doctor_privileged(doctor),
			"interfaces and routes cannot be read: %s", strerror(errno));
		links_free(&outlook.links);
		return;
	}
	outlook.way_out = find_way_out(doctor, &outlook.links);
	for (size_t i = 0; i < outlook.links.n; i++)
		outlook.leads_far =
			outlook.leads_far ||
			(outlook.links.all[i].far && doctor_is_outside(doctor, outlook.links.all[i].index));
	for (size_t i = 0; i < config->n_outside; i++) {
		const char *name = config->outside[i].name;
		const struct link *link = links_find_name(&outlook.links, name);

		if (link)
			judge(&outlook, link);
		else
			say_missing(&outlook, name);
	}
	links_free(&outlook.links);
}
