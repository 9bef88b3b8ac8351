/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Nothing but probes passes the twin, so a rule that drops and has counted more since has dropped one. A
 * listing has lines like these: "*filter", ":OUTPUT DROP [3:268]", ":LOGDROP - [0:0]",
 * "[2:192] -A OUTPUT -p icmp -j LOGDROP", "[2:192] -A LOGDROP -j DROP".
 */
#include "doctor/tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/run.h"

/* Reads the counters of a family on the heap; NULL if there are none. */
static char *tally_read(const struct way *way)
{
	const char *program = way->family->version == 4 ? "iptables-legacy-save" : "ip6tables-legacy-save";
	char *listing = NULL;

	if (ruleset_iptables(&way->doctor->ruleset, way->family, true))
		run_program((const char *const[]){program, "-c", NULL}, NULL, &listing, NULL);
	return listing;
}

/* Keeps what the counters are before a probe. */
void tally_begin(struct tally *tally, const struct way *way)
{
	tally->before = tally_read(way);
}

/* Takes the next line of a listing off it, without comments, which have the time. NULL at the end. */
static char *next_counter(char **listing)
{
	char *line;

	do
		line = strsep(listing, "\n");
	while (line && *line == '#');
	return line;
}

/* Tells whether a chain has a hook by which the host's own packets pass. */
static bool has_hook(const char *chain)
{
	return strcmp(chain, "OUTPUT") == 0 || strcmp(chain, "POSTROUTING") == 0;
}

/* Reads a line that has counted: what is in chains of both hooks comes before what these call. Returns true
 * if it has dropped, and not for our own rules, whose drops are replaced by a copy. */
static bool tally_line(struct drop *drop, const char *line)
{
	char verdict[16];

	if (sscanf(line, ":%127s %15s", drop->chain, verdict) == 2) {
		drop->policy = has_hook(drop->chain) && strcmp(verdict, "DROP") == 0;
		if (drop->policy)
			strcpy(drop->base, drop->chain);
		return drop->policy;
	}
	if (sscanf(line, "[%*u:%*u] -A %127s", drop->chain) != 1 || strncmp(drop->chain, "ICMPNATD", 8) == 0)
		return false;
	if (has_hook(drop->chain))
		strcpy(drop->base, drop->chain);
	return drop->base[0] && (strstr(line, " -j DROP") || strstr(line, " -j REJECT"));
}

/* Tells whether one of the rules has dropped since tally_begin(), and fills in which. */
bool tally_end(struct tally *tally, const struct way *way, struct drop *drop)
{
	char *after = tally_read(way), *old = tally->before, *new = after, *line, *was;
	bool found = false;

	*drop = (struct drop){.legacy = true};
	strcpy(drop->family, way->family->table);
	while (!found && old && new && (was = next_counter(&old)) && (line = next_counter(&new))) {
		if (*line == '*') {
			snprintf(drop->table, sizeof(drop->table), "%s", line + 1);
			drop->base[0] = '\0';
		}
		found = strcmp(was, line) != 0 && tally_line(drop, line);
	}
	free(tally->before);
	free(after);
	return found;
}
