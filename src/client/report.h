/* SPDX-License-Identifier: GPL-2.0-or-later */
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
	const char *state; /* of an outside interface: up, missing; else "" */
};

enum report_kind { REPORT_TEXT, REPORT_NUMBER, REPORT_BOOLEAN, REPORT_TIME, REPORT_SECONDS, REPORT_OUTSIDE };

/* One address map; part, outside and where as the daemon writes them. */
struct report_map {
	const char *private, *public, *part, *outside, *where;
	uint64_t hits;
};

/* What doctor found: state is ok, note, problem or unknown; mend a command, or "". */
struct report_finding {
	const char *check, *state, *sentence, *mend;
};

#define REPORT_INSTANCES_MAX 64	 /* workers, or queues of the kernel */
#define REPORT_COUNTERS_MAX  256 /* many times what any daemon has */

/* One counter, summed over the workers (group kernel: over the queues). */
struct report_counter {
	char group[24], name[40];
	char fate[16];	    /* of an outcome; else "" */
	char sentence[160]; /* what it counts; "" where the daemon does not say */
	uint64_t total;
	size_t n; /* instances that reported it */
	uint32_t instance[REPORT_INSTANCES_MAX];
	uint64_t value[REPORT_INSTANCES_MAX];
};

/* All counters at one moment; those of a group stand together. */
struct report_counters {
	size_t n;
	struct report_counter counter[REPORT_COUNTERS_MAX];
};

enum report_kind report_kind(const char *key);
bool report_parse_item(struct report_item *item, char *line);
bool report_parse_map(struct report_map *map, char *line);

bool report_ask_counters(struct report_counters *counters, const char *socket);
struct report_counter *report_find(struct report_counters *counters, const char *group, const char *name);
bool report_is_kernel(const struct report_counter *counter);
bool report_is_gauge(const struct report_counter *counter);

#endif
