/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A table of our own in the twin marks the errors, and nft monitor tells their
 * way. What our capture rules drop is replaced by a copy, and so does not count.
 */
#include "doctor/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/rules.h"

#define OWN "icmpnatd" /* all our tables begin so */

/* Starts to trace in the namespace that the caller is in. False if nft cannot. */
bool trace_start(struct trace *trace)
{
	const char *const load[] = {"nft", "-f", "-", NULL};
	const char *const monitor[] = {"nft", "monitor", "trace", NULL};
	char mark[512];

	snprintf(mark, sizeof(mark),
		"table inet " OWN "_trace { chain output {\n"
		"type filter hook output priority -450;\n"
		"%s type { %s } meta nftrace set 1\n%s type { %s } meta nftrace set 1\n}\n}\n",
		rules_families[0].icmp, rules_families[0].types, rules_families[1].icmp,
		rules_families[1].types);
	trace->read = 0;
	return run_program(load, mark, NULL, NULL) == 0 && run_start(&trace->monitor, monitor, NULL) == 0;
}

/* Ends the monitor; the marks stay in the namespace. */
void trace_stop(struct trace *trace)
{
	run_kill(&trace->monitor);
}

/* "trace id 5e70b1c2 inet filter output rule ip saddr 192.0.2.1 drop (verdict drop)"
 * "trace id 5e70b1c2 inet filter output policy drop " */
static bool read_trace_line(const char *line, size_t length, struct trace_chain *found)
{
	char copy[1024];
	int rest = 0;

	snprintf(copy, sizeof(copy), "%.*s", (int)length, line);
	if (sscanf(copy, "trace id %*x %15s %127s %127s %n", found->family, found->table, found->chain,
		    &rest) < 3 ||
		rest == 0)
		return false;
	found->policy = strncmp(copy + rest, "policy drop", 11) == 0;
	return (found->policy || strstr(copy + rest, "verdict drop")) &&
	       strncmp(found->table, OWN, strlen(OWN)) != 0;
}

/* Looks for a chain that drops in what was traced since the last call. Returns false if there is none. */
bool trace_find_drop(struct trace *trace, struct trace_chain *found)
{
	char *text = run_read(trace->monitor.out), *line = text ? text + trace->read : NULL, *end;
	bool drops = false;

	for (; !drops && line && (end = strchr(line, '\n')); line = end + 1) {
		drops = read_trace_line(line, (size_t)(end - line), found);
		trace->read = (size_t)(end + 1 - text);
	}
	free(text);
	return drops;
}
