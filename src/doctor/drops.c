/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "nft monitor trace" in the twin tells which chain drops.
 */
#define _GNU_SOURCE
#include "doctor/drops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/run.h"

#define DROPS_MAX 8  /* chains, one after the other */
#define SENDS_MAX 20 /* until the trace says something */

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
unsigned drops_find(struct way *way, const struct probe *probe, struct sight *sight)
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
