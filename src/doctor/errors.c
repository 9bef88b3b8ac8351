/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The checks that provoke errors in the twin, about a new and about an established flow, hold what leaves it
 * against what should, and name the chains that drop errors.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/doctor.h"
#include "doctor/probe.h"
#include "doctor/route.h"
#include "doctor/run.h"

#define DROPS_MAX 8  /* chains, one after the other */
#define SENDS_MAX 20 /* until the trace says something */

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

/* Tells whether the twin sends to the client by this way, from an address (NULL: any). Notes the table. */
static bool leads(struct way *way, const struct address *from)
{
	struct route route;

	if (route_find(way->doctor->twin.routes, way->client, from, 0, &route) < 0 ||
		route.interface != way->index)
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
			address_is_loopback(a) ||
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

/* A chain that drops, of any table but ours. */
struct drop {
	char family[16], table[128], chain[128];
	bool policy; /* it drops by its policy, not by a rule */
};

/* nft monitor trace, as it tells the way of the errors. */
struct trace {
	struct run monitor;
	size_t read;	  /* bytes of its output that were looked at */
	struct drop last; /* that was found */
};

/* Starts to trace the errors in the twin, which a table of our own marks. Returns false if nft cannot. */
static bool trace_start(struct trace *trace)
{
	const char *const load[] = {"nft", "-f", "-", NULL};
	const char *const monitor[] = {"nft", "monitor", "trace", NULL};
	const struct rules_family *v4 = &rules_families[0], *v6 = &rules_families[1];
	char mark[512];

	snprintf(mark, sizeof(mark),
		"table inet icmpnatd_trace { chain output {\n"
		"type filter hook output priority -450;\n"
		"%s type { %s } meta nftrace set 1\n%s type { %s } meta nftrace set 1\n}\n}\n",
		v4->icmp, v4->types, v6->icmp, v6->types);
	*trace = (struct trace){.read = 0};
	return run_program(load, mark, NULL, NULL) == 0 && run_start(&trace->monitor, monitor, NULL) == 0;
}

/* Reads a line of the trace. Returns false if it does not say that a chain of another program drops: what our
 * tables drop is replaced by a copy. There are two kinds:
 *	trace id 5e70b1c2 inet filter output rule ip saddr 192.0.2.1 drop (verdict drop)
 *	trace id 5e70b1c2 inet filter output policy drop */
static bool read_drop(struct drop *drop, const char *line, size_t length)
{
	char copy[1024];
	int rest = 0, n;

	*drop = (struct drop){.policy = false};
	snprintf(copy, sizeof(copy), "%.*s", (int)length, line);
	n = sscanf(copy, "trace id %*x %15s %127s %127s %n", drop->family, drop->table, drop->chain, &rest);
	if (n < 3 || rest == 0)
		return false;
	drop->policy = strncmp(copy + rest, "policy drop", 11) == 0;
	return (drop->policy || strstr(copy + rest, "verdict drop")) &&
	       strncmp(drop->table, "icmpnatd", 8) != 0;
}

/* Looks in what was traced since the last call for a drop by another chain than the last one. */
static bool trace_find_drop(struct trace *trace)
{
	char *text = run_read(trace->monitor.out), *line = text ? text + trace->read : NULL, *end;
	struct drop drop;
	bool found = false;

	for (; !found && line && (end = strchr(line, '\n')); line = end + 1) {
		found = read_drop(&drop, line, (size_t)(end - line)) &&
			memcmp(&drop, &trace->last, sizeof(drop)) != 0;
		trace->read = (size_t)(end + 1 - text);
	}
	if (found)
		trace->last = drop;
	free(text);
	return found;
}

/* Writes the command that lets errors pass a chain that drops them. */
static void write_accept(char mend[DOCTOR_MEND_MAX], const struct way *way, const struct drop *drop)
{
	const struct rules_family *f = way->family;

	if (ruleset_is_foreign(&way->doctor->ruleset, drop->family, drop->table))
		snprintf(mend, DOCTOR_MEND_MAX,
			"%s -t %s -I %s -p %s -m conntrack --ctstate INVALID,UNTRACKED -j ACCEPT",
			f->iptables, drop->table, drop->chain, f->protocol);
	else
		snprintf(mend, DOCTOR_MEND_MAX,
			"nft 'insert rule %s %s %s ct state { invalid, untracked } %s type { %s } accept'",
			drop->family, drop->table, drop->chain, f->icmp, f->types);
}

/* Sends the probe until the trace names another chain that drops the error: when the monitor begins to listen
 * cannot be seen otherwise, and it tells late. */
static bool find_drop(struct way *way, struct trace *trace, const struct probe *probe, struct sight *sight)
{
	for (int i = 0; i < SENDS_MAX; i++) {
		prober_send(&way->prober, way->index, probe, sight);
		if (sight->left_by)
			return false;
		if (trace_find_drop(trace))
			return true;
	}
	return false;
}

/* Names each chain that drops the error, and follows its own advice in the twin: that shows the next chain,
 * and whether the advice is good. Returns how many chains there are. */
static unsigned find_drops(struct way *way, const struct probe *probe, struct sight *sight)
{
	char mend[DOCTOR_MEND_MAX];
	struct trace trace;
	const struct drop *drop = &trace.last;
	unsigned n = 0;

	if (!trace_start(&trace))
		return 0;
	for (; n < DROPS_MAX && find_drop(way, &trace, probe, sight); n++) {
		write_accept(mend, way, drop);
		doctor_say(way->doctor, DOCTOR_PROBLEM, mend,
			"%s of the chain %s %s %s drops an error about %s flow",
			drop->policy ? "the policy" : "a rule", drop->family, drop->table, drop->chain,
			way->flow);
		run_program((const char *const[]){"sh", "-c", mend, NULL}, NULL, NULL, NULL);
	}
	run_kill(&trace.monitor);
	return n;
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
	if (sight->queued && sight->left_by != sight->meant_for) {
		snprintf(mend, sizeof(mend), "ip %srule add from %s lookup %u",
			address_is_v4(way->client) ? "" : "-6 ", source, way->table);
		doctor_say(way->doctor, DOCTOR_PROBLEM, mend,
			"policy routing sends an error about %s flow by %s once its source is %s, not by %s",
			way->flow, name_of(way, sight->left_by), source, name_of(way, sight->meant_for));
	} else if (address_is_private(sight->error.outer.source)) {
		snprintf(mend, sizeof(mend), "editor %s # maps: { private = \"%s\"; public = \"...\"; }",
			way->doctor->path, source);
		doctor_say(way->doctor, DOCTOR_PROBLEM, mend,
			"an error about %s flow leaves by %s from %s, which no map covers", way->flow,
			name_of(way, sight->left_by), source);
	} else if (!sight->right_quote) {
		doctor_say(way->doctor, DOCTOR_PROBLEM, "icmpnatctl maps",
			"an error about %s flow does not quote what the client sent", way->flow);
	} else {
		doctor_say(way->doctor, DOCTOR_OK, NULL,
			"an error about %s flow is %s, and leaves by %s from %s", way->flow,
			sight->queued ? "queued" : "left to the kernel", name_of(way, sight->left_by),
			source);
	}
}

/* Sends a probe, and says what becomes of the error about it. */
static void judge_probe(struct way *way, const struct probe *probe)
{
	struct sight sight;
	unsigned drops = 0;

	prober_send(&way->prober, way->index, probe, &sight);
	if (!sight.left_by)
		drops = find_drops(way, probe, &sight);
	if (drops)
		return;
	if (sight.left_by)
		judge_error(way, &sight);
	else if (sight.queued)
		doctor_say(way->doctor, DOCTOR_PROBLEM,
			"iptables-legacy-save; ip6tables-legacy-save; ip rule; ip -6 rule",
			"an error about %s flow is lost after the queue, and no chain of nft says so",
			way->flow);
	else
		doctor_say(way->doctor, DOCTOR_UNKNOWN, NULL,
			"nothing that comes in provokes an error about %s flow: not looked at", way->flow);
}

/* Tells whether a copy finds a next hop by this way. nft sends it to that of the error; iptables routes it by
 * its destination and interface alone, and the twin's own links need none. */
static bool has_copy_route(const struct way *way)
{
	const struct twin *twin = &way->doctor->twin;
	const struct twin_link *link = twin_find_link(twin, way->index);
	struct route route;

	return !way->doctor->tees ||
	       (route_find(twin->routes, way->client, NULL, way->index, &route) == 0 &&
		       (route.by_gateway || (link && link->flags & (IFF_POINTOPOINT | IFF_NOARP))));
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
	doctor_say(way->doctor, DOCTOR_PROBLEM, mend,
		"copies of errors about new flows are lost: no gateway is found by the interface alone");
}

/* Provokes an error about a new flow, and says what becomes of it: a router's, about a packet that may make
 * no further hop; or, where routes depend on the source, a host's, about a port without a listener. */
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
		doctor_say(way->doctor, DOCTOR_NOTE, "ip rule", "an error about %s flow leaves by %s",
			way->flow, name_of(way, sight.left_by));
		return;
	}
	judge_probe(way, &probe);
}

/* Opens a flow from this host, if it leaves by this way, and says what becomes of an error about it. */
static void check_way_established(struct way *way)
{
	struct probe answer;
	unsigned interface = way->index;

	if ((!way->leads && !way->has_own) || !has_copy_route(way))
		return;
	if (!prober_be_opened(&way->prober, way->client, way->leads ? NULL : &way->own, &answer, &interface))
		doctor_say(way->doctor, DOCTOR_UNKNOWN, NULL,
			"the filter lets no question about the time out, or no answer in: %s flow was not "
			"looked at",
			way->flow);
	else if (interface == way->index)
		judge_probe(way, &answer);
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
		doctor_say(way->doctor, DOCTOR_NOTE, NULL, "no route leads out this way: nothing to look at");
}

/* Makes a check of each way into the host, in the twin with its rules. */
static void go_all_ways(struct doctor *doctor, const char *flow, void (*check)(struct way *way))
{
	const struct config *config = doctor->config;
	struct way way = {.doctor = doctor, .flow = flow};

	if (!doctor->has_rules)
		return;
	twin_enter(&doctor->twin);
	if (prober_open(&way.prober, doctor->config, &doctor->twin) < 0) {
		doctor_say(doctor, DOCTOR_UNKNOWN, "modprobe nfnetlink_queue", "no queue can be bound: %s",
			strerror(errno));
		twin_leave(&doctor->twin);
		return;
	}
	for (size_t i = 0; i < config->n_outside * RULES_FAMILIES; i++) {
		way.interface = config->outside[i / RULES_FAMILIES].name;
		way.family = &rules_families[i % RULES_FAMILIES];
		way.client = hosts[i % RULES_FAMILIES][0];
		way.other = hosts[i % RULES_FAMILIES][1];
		way.index = if_nametoindex(way.interface);
		snprintf(doctor->about, sizeof(doctor->about), "%s, IPv%d: ", way.interface,
			way.family->version);
		if (way.index)
			go(&way, check);
	}
	doctor->about[0] = '\0';
	prober_close(&way.prober);
	twin_leave(&doctor->twin);
}

/* Says what becomes of errors about new flows, if the rules copy them. */
void check_new_flow(struct doctor *doctor)
{
	if (doctor->copies)
		go_all_ways(doctor, "a new", check_way_new);
}

/* Says what becomes of errors about established flows. Chains that new flows have shown to drop are mended in
 * the twin by now, and are not named again. */
void check_established_flow(struct doctor *doctor)
{
	go_all_ways(doctor, "an established", check_way_established);
}
