/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * One report, three ways to print it: head, any number of rows of one sort, tail. A function that an output
 * lacks is NULL, and main() refuses what would call it.
 */
#ifndef CLIENT_OUTPUT_H
#define CLIENT_OUTPUT_H

#include <stdbool.h>

#include "client/report.h"

enum output_report { OUTPUT_STATUS, OUTPUT_STATS, OUTPUT_MAPS, OUTPUT_DOCTOR };

struct output {
	/* all: also counters that are 0, and a column for each worker; explain: what each counter counts. */
	void (*head)(enum output_report report, bool all, bool explain);
	void (*item)(const struct report_item *item);
	void (*counter)(const struct report_counter *counter);
	void (*map)(const struct report_map *map);
	void (*finding)(const struct report_finding *finding);
	void (*tail)(void);
};

extern const struct output output_text, output_json, output_prometheus;

#endif
