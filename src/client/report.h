/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * What the daemon reports, as data: the model between the control protocol and the outputs (output.h).
 */
#ifndef CLIENT_REPORT_H
#define CLIENT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One line of the status. */
struct report_item {
	const char *key, *value;
	const char
		*state; /* of an outside interface: up, missing; of errors: how many; of an event: its text */
	const char *more; /* of an outside interface: its families; of errors: what became of them; else "" */
};

enum report_kind {
	REPORT_TEXT,
	REPORT_NUMBER,
	REPORT_BOOLEAN,
	REPORT_TIME,
	REPORT_SECONDS,
	REPORT_OUTSIDE, /* a row for each interface */
	REPORT_ERRORS,	/* a row for each who */
	REPORT_EVENT,	/* a time and a text, or "none" */
};

/* One address map; part, outside and where as the daemon writes them. */
struct report_map {
	const char *private, *public, *part, *outside, *where;
	uint64_t hits;
};

/* What doctor found: state is ok, note, problem or unknown; mend a command, or "". */
struct report_finding {
	const char *check, *state, *sentence, *mend;
};

#define REPORT_AUDIT "audit: nothing is changed on the wire; the counters say what would have been"

#define REPORT_INSTANCES_MAX 64	 /* workers, queues of the kernel, or interfaces */
#define REPORT_INSTANCE_SIZE 16	 /* of the longest name of one, with its NUL */
#define REPORT_COUNTERS_MAX  256 /* many times what any daemon has */

/* Whose values the instances of a counter are, which its group tells. */
enum report_instances { REPORT_WORKERS, REPORT_QUEUES, REPORT_INTERFACES, REPORT_HOST };

/* One counter, summed over its instances. */
struct report_counter {
	char group[24], name[40];
	char fate[16];	    /* of an outcome, and of what the rules do like one; else "" */
	char sentence[160]; /* what it counts; "" where the daemon does not say */
	uint64_t total;
	size_t n;						   /* instances that reported it */
	char instance[REPORT_INSTANCES_MAX][REPORT_INSTANCE_SIZE]; /* a number, or an interface's name */
	uint64_t value[REPORT_INSTANCES_MAX];
};

/* All counters at one moment; those of a group stand together. */
struct report_counters {
	size_t n;
	struct report_counter counter[REPORT_COUNTERS_MAX];
};

enum report_kind report_kind(const char *key);
bool report_goes_on(const char *key);
bool report_parse_item(struct report_item *item, char *line);
bool report_parse_map(struct report_map *map, char *line);

bool report_ask_counters(struct report_counters *counters, const char *socket);
struct report_counter *report_find(struct report_counters *counters, const char *group, const char *name);
enum report_instances report_instances(const struct report_counter *counter);
bool report_is_gauge(const struct report_counter *counter);
bool report_is_audit(struct report_counters *counters);

#endif
