/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * "nft monitor trace" in the twin tells which chain drops.
 */
#define _GNU_SOURCE
#include "doctor/drops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/advice.h"
#include "doctor/run.h"
#include "doctor/tally.h"
#include "io/clock.h"

#define DROPS_MAX 8	/* chains, one after the other */
#define SENDS_MAX 20	/* until the trace names another chain, once it says something */
#define START_MAX 10000 /* ms: until it says something; the host may be busy */

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
		"type filter hook output priority -2147483648;\n"
		"%s type { %s } meta nftrace set 1\n%s type { %s } meta nftrace set 1\n}\n}\n",
		v4->icmp, v4->types, v6->icmp, v6->types);
	*trace = (struct trace){.read = 0};
	return run_program(load, mark, NULL, NULL) == 0 && run_start(&trace->monitor, monitor, NULL) == 0;
}

/* Finds the chain with the hook by which a packet came to a line of the trace: the last one that told of the
 * packet as it was. False if the trace began later.
 *	trace id 5e70b1c2 inet filter output packet: oif "eth0" ip saddr 192.0.2.1 .. */
static bool find_base(struct drop *drop, const char *text, const char *until)
{
	char begin[sizeof("trace id 5e70b1c2 ") + sizeof(drop->family) + sizeof(drop->table)];
	int rest = 0;

	snprintf(begin, sizeof(begin), "%.17s %s %s ", until, drop->family, drop->table);
	drop->base[0] = '\0';
	for (const char *at = text; (at = strstr(at, begin)) && at < until; at++) {
		char base[sizeof(drop->base)];

		rest = 0;
		if (sscanf(at + strlen(begin), "%127s packet: %n", base, &rest) == 1 && rest)
			strcpy(drop->base, base);
	}
	return drop->base[0];
}

/* Reads a line of the trace. Returns false if it does not say that a chain of another program drops: what our
 * tables drop is replaced by a copy. There are two kinds:
 *	trace id 5e70b1c2 inet filter output rule ip saddr 192.0.2.1 drop (verdict drop)
 *	trace id 5e70b1c2 inet filter output policy drop */
static bool read_drop(struct drop *drop, const char *text, const char *line, size_t length)
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
	       strncmp(drop->table, "icmpnatd", 8) != 0 && strncmp(drop->chain, "ICMPNATD", 8) != 0 &&
	       find_base(drop, text, line);
}

/* Tells whether a drop is another one than the last. */
static bool is_another(const struct drop *drop, const struct drop *last)
{
	return strcmp(drop->family, last->family) != 0 || strcmp(drop->table, last->table) != 0 ||
	       strcmp(drop->chain, last->chain) != 0 || strcmp(drop->base, last->base) != 0 ||
	       drop->policy != last->policy || drop->legacy != last->legacy;
}

/* Looks in what was traced since the last call for a drop by another chain than the last one. */
static bool trace_find_drop(struct trace *trace)
{
	char *text = run_read(trace->monitor.out), *line = text ? text + trace->read : NULL, *end;
	struct drop drop;
	bool found = false;

	for (; !found && line && (end = strchr(line, '\n')); line = end + 1) {
		found = read_drop(&drop, text, line, (size_t)(end - line)) && is_another(&drop, &trace->last);
		trace->read = (size_t)(end + 1 - text);
	}
	if (found)
		trace->last = drop;
	free(text);
	return found;
}

/* What became of an error that a chain had dropped, or of the first one. */
enum next { NEXT_LEFT, NEXT_DROP, NEXT_NOTHING };

/* Sends the probe until the error leaves, or the trace names another chain that drops it. When the monitor
 * begins to listen cannot be seen otherwise, and it tells late: what is sent before its first line does not
 * count for a while. Rules of iptables' older kind are asked first. */
static enum next find_next(
	struct way *way, struct trace *trace, const struct probe *probe, struct sight *sight)
{
	const int64_t end = clock_milliseconds() + START_MAX;

	for (int i = 0; i < SENDS_MAX;) {
		struct tally tally;
		struct drop drop;
		bool dropped;

		tally_begin(&tally, way);
		prober_send(&way->prober, way->index, probe, sight);
		dropped = tally_end(&tally, way, &drop);
		if (sight->left_by)
			return NEXT_LEFT;
		if (dropped && is_another(&drop, &trace->last)) {
			trace->last = drop;
			return NEXT_DROP;
		}
		if (trace_find_drop(trace))
			return NEXT_DROP;
		if (trace->read || clock_milliseconds() > end)
			i++;
	}
	return NEXT_NOTHING;
}

/* Names a chain that drops, and what mends it if the trial let the error pass. */
static void say_drop(const struct way *way, const struct drop *drop, const struct advice *advice, bool passed)
{
	char from[160] = "";

	if (strcmp(drop->chain, drop->base) != 0)
		snprintf(from, sizeof(from), " (called from %s)", drop->base);
	doctor_say(way->doctor, DOCTOR_PROBLEM, passed ? advice->mend : advice->look,
		"%s of the chain %s %s %s%s drops an error about %s flow",
		drop->policy ? "the policy" : "a rule", drop->family, drop->table, drop->chain, from,
		way->flow);
}

/* Names each chain that drops the error, and follows its own advice in the twin: that shows the next chain,
 * and whether the advice is good. Returns how many chains there are. */
unsigned drops_find(struct way *way, const struct probe *probe, struct sight *sight)
{
	struct trace trace;
	enum next next;
	unsigned n = 0;

	if (!trace_start(&trace))
		return 0;
	next = find_next(way, &trace, probe, sight);
	while (n < DROPS_MAX && next == NEXT_DROP) {
		const struct drop drop = trace.last;
		struct advice advice;

		advice_write(&advice, way, &drop);
		run_program((const char *const[]){"sh", "-c", advice.trial, NULL}, NULL, NULL, NULL);
		next = find_next(way, &trace, probe, sight);
		say_drop(way, &drop, &advice, next != NEXT_NOTHING);
		n++;
	}
	run_kill(&trace.monitor);
	return n;
}
