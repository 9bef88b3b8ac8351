/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The counters in Prometheus' text exposition format, version 0.0.4: what the textfile collector of
 * node_exporter reads. A metric for each group, with the counter's name as a label; the kernel's counters,
 * of queues and of the host, are a metric each, because adding them up would make no sense.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/output.h"
#include "core/utf8.h"

/* The metric whose head was printed last. */
static char metric[128];

/* Prints text with a backslash before each special character. There are no
 * newlines, which the protocol cannot carry. Bytes that are not UTF-8 become U+FFFD. */
static void put_escaped(const char *text, const char *special)
{
	for (size_t length; *text; text += length ? length : 1) {
		length = utf8_length(text);
		if (length == 0)
			fputs("\xef\xbf\xbd", stdout);
		else
			printf("%s%.*s", strchr(special, *text) ? "\\" : "", (int)length, text);
	}
}

static void put_label(const char *before, const char *name, const char *value)
{
	printf("%s%s=\"", before, name);
	put_escaped(value, "\\\"");
	putchar('"');
}

/* Tells whether a counter is a metric of its own. */
static bool is_metric(const struct report_counter *counter)
{
	const enum report_instances instances = report_instances(counter);

	return instances == REPORT_QUEUES || instances == REPORT_HOST;
}

/* Writes the name of the counter's metric; text must have room for 128 bytes. */
static void name_metric(char *text, const struct report_counter *counter)
{
	const bool own = is_metric(counter);

	snprintf(text, sizeof(metric), "icmpnatd_%s%s%s%s", counter->group, own ? "_" : "",
		own ? counter->name : "", report_is_gauge(counter) ? "" : "_total");
	for (; *text; text++)
		if (!isalnum((unsigned char)*text))
			*text = '_';
}

static void put_sample(const struct report_counter *counter, size_t i)
{
	static const char *const names[] = {
		[REPORT_WORKERS] = "worker", [REPORT_QUEUES] = "queue", [REPORT_INTERFACES] = "interface"};
	const enum report_instances instances = report_instances(counter);
	const char *before = "{";

	fputs(metric, stdout);
	if (!is_metric(counter)) {
		put_label("{", "name", counter->name);
		before = ",";
	}
	if (counter->fate[0]) {
		put_label(before, "fate", counter->fate);
		before = ",";
	}
	if (instances != REPORT_HOST) {
		put_label(before, names[instances], counter->instance[i]);
		before = ",";
	}
	printf("%s %" PRIu64 "\n", *before == ',' ? "}" : "", counter->value[i]);
}

static void prometheus_counter(const struct report_counter *counter)
{
	char name[sizeof(metric)];

	name_metric(name, counter);
	if (strcmp(name, metric) != 0) {
		strcpy(metric, name);
		printf("# HELP %s %s", metric, is_metric(counter) ? "" : "Counters of group ");
		put_escaped(is_metric(counter) ? counter->sentence : counter->group, "\\");
		printf("\n# TYPE %s %s\n", metric, report_is_gauge(counter) ? "gauge" : "counter");
	}
	for (size_t i = 0; i < counter->n; i++)
		put_sample(counter, i);
}

static void prometheus_head(enum output_report report, bool all, bool explain)
{
	(void)report;
	(void)all, (void)explain;
	metric[0] = '\0';
}

static void prometheus_tail(void)
{
}

const struct output output_prometheus = {
	.head = prometheus_head, .counter = prometheus_counter, .tail = prometheus_tail};
