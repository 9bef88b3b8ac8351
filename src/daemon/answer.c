/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * What the daemon says of itself, as lines of TAB-separated fields that end in
 * "ok" or "error<TAB>reason". icmpnatctl turns them into tables, JSON and
 * Prometheus; socat shows them as they are. See icmpnatctl(8), PROTOCOL.
 */
#include "daemon/daemon.h"

#include <inttypes.h>
#include <string.h>

#include "core/utf8.h"
#include "daemon/status.h"
#include "io/queue_counters.h"
#include "io/rule_counters.h"

#define MAPS_PER_PIECE 512

#define AUDIT_SENTENCE "1 in audit: nothing is changed on the wire, counters say what would have been; else 0"

static const char *const host_counter_names[] = {
#define HOST_COUNTER(name, text, sentence) text,
#include "io/host_counters.def"
#undef HOST_COUNTER
};

static bool end_answer(FILE *out)
{
	fputs("ok\n", out);
	return false;
}

static bool refuse(FILE *out, const char *reason)
{
	fprintf(out, "error\t%s\n", reason);
	return false;
}

static bool answer_status(struct daemon *daemon, struct control_request *request, FILE *out)
{
	(void)request;
	status_print(out, daemon);
	return end_answer(out);
}

/* Prints what the kernel counts for a queue. id-sequence leaves out what another program has received. */
static void print_kernel_counters(FILE *out, const struct queue *q, const struct queue_counters *c)
{
	const unsigned queue = q->gate.number;

	fprintf(out, "kernel\twaiting\t%u\t%" PRIu32 "\n", queue, c->waiting);
	fprintf(out, "kernel\tqueue-dropped\t%u\t%" PRIu32 "\n", queue, c->queue_dropped);
	fprintf(out, "kernel\tuser-dropped\t%u\t%" PRIu32 "\n", queue, c->user_dropped);
	fprintf(out, "kernel\tid-sequence\t%u\t%" PRIu32 "\n", queue, c->id_sequence - q->base_id);
}

/* Prints what the rules count. Every interface has a value of each counter that there is. */
static void print_rule_counters(FILE *out, struct mnl_socket *socket)
{
	struct rule_counters counters;

	if (!rule_counters_read(socket, &counters))
		return;
	for (unsigned c = 0; c < RULE_COUNTER_COUNT; c++)
		for (size_t i = 0; counters.present[c] && i < counters.n; i++)
			fprintf(out, "rules\t%s\t%s\t%" PRIu64 "\n", rule_counters_names[c],
				counters.row[i].interface, counters.row[i].packets[c]);
}

static void print_host_counters(FILE *out, const struct host_counters *host)
{
	uint64_t value;

	for (unsigned c = 0; c < HOST_COUNTER_COUNT; c++)
		if (host_counters_read(host, c, &value))
			fprintf(out, "host\t%s\t-\t%" PRIu64 "\n", host_counter_names[c], value);
}

/* The rules come first, as in a packet's way: what they have handed over is then no more than what is known
 * of it further on. */
static bool answer_stats(struct daemon *daemon, struct control_request *request, FILE *out)
{
	struct queue_counters counters;

	(void)request;
	fprintf(out, "mode\taudit\t-\t%d\n", workers_config(&daemon->workers)->audit);
	print_rule_counters(out, daemon->rule_counters);
	for (unsigned w = 0; w < daemon->workers.n; w++)
		for (unsigned c = 0; c < STATS_COUNT; c++)
			fprintf(out, "%s\t%s\t%u\t%" PRIu64 "\n", stats_text(c)->group, stats_text(c)->name,
				w, stats_get(&daemon->workers.worker[w].stats, c));
	for (unsigned w = 0; w < daemon->workers.n; w++) {
		const struct queue *queue = &daemon->workers.worker[w].queue;

		if (queue_counters_read(daemon->counters, queue->gate.number, &counters))
			print_kernel_counters(out, queue, &counters);
	}
	print_host_counters(out, &daemon->host_counters);
	return end_answer(out);
}

static void explain_stats(FILE *out, unsigned from, unsigned to)
{
	for (unsigned c = from; c < to; c++) {
		const struct stats_text *text = stats_text(c);

		fprintf(out, "%s\t%s\t%s%s%s\n", text->group, text->name, text->sentence,
			text->fate ? "\t" : "", text->fate ? text->fate : "");
	}
}

/* Explains the counters in the order in which clients show them: what the rules do beside the outcomes, for
 * both say what became of errors. */
static bool answer_explain(struct daemon *daemon, struct control_request *request, FILE *out)
{
	(void)daemon;
	(void)request;
	fputs("mode\taudit\t" AUDIT_SENTENCE "\n", out);
	explain_stats(out, 0, STATS_OUTCOME);
#define FATE_FIELD_REWRITTEN "\trewritten"
#define FATE_FIELD_PASSED    "\tpassed"
#define FATE_FIELD_LEAKED    "\tleaked"
#define FATE_FIELD_NONE	     ""
#define RULE_COUNTER(name, text, fate, sentence)                                                             \
	fputs("rules\t" text "\t" sentence FATE_FIELD_##fate "\n", out);
#include "io/rule_counters.def"
#undef RULE_COUNTER
	explain_stats(out, STATS_OUTCOME, STATS_COUNT);
#define QUEUE_COUNTER(name, sentence) fputs("kernel\t" name "\t" sentence "\n", out);
#include "io/queue_counters.def"
#undef QUEUE_COUNTER
#define HOST_COUNTER(name, text, sentence) fputs("host\t" text "\t" sentence "\n", out);
#include "io/host_counters.def"
#undef HOST_COUNTER
	return end_answer(out);
}

static uint64_t map_hits(const struct daemon *daemon, const struct policy *policy, size_t entry)
{
	uint64_t hits = 0;

	for (unsigned w = 0; w < daemon->workers.n; w++)
		hits += atomic_load_explicit(
			&policy->hits[w * policy->config->n_entries + entry], memory_order_relaxed);
	return hits;
}

static void print_map(
	FILE *out, const struct config *config, const struct addrmap_entry *entry, uint64_t hits)
{
	static const char *const parts[] = {"", "outer", "inner", "both"};
	char private[CONFIG_PREFIX_TEXT], public[CONFIG_PREFIX_TEXT];

	config_prefix_text(entry->private, private);
	config_prefix_text(entry->public, public);
	fprintf(out, "%s\t%s\t%s\t%s\t%" PRIu64 "\t%s:%" PRIu32 "\n", private, public,
		parts[entry->parts & ADDRMAP_BOTH],
		entry->outside == ADDRMAP_ANY ? "*" : config->outside[entry->outside].name, hits,
		config->files[entry->file], entry->line);
}

/* Lists the maps, a piece at each call: there may be a million. A reload in between ends the answer with an
 * error, because the rest would be about another list. */
static bool answer_maps(struct daemon *daemon, struct control_request *request, FILE *out)
{
	const struct policy *policy = workers_policy(&daemon->workers);
	const struct config *config = policy->config;
	size_t end = request->cursor + MAPS_PER_PIECE;

	if (request->cursor > 0 && request->generation != policy->generation)
		return refuse(out, "the configuration was reloaded meanwhile; ask again");
	request->generation = policy->generation;
	for (; request->cursor < config->n_entries && request->cursor < end; request->cursor++)
		print_map(out, config, &config->entries[request->cursor],
			map_hits(daemon, policy, request->cursor));
	return request->cursor < config->n_entries || end_answer(out);
}

static bool answer_reload(struct daemon *daemon, struct control_request *request, FILE *out)
{
	if (!request->privileged)
		return refuse(out, "not permitted: reload is for root and the daemon's own user");
	if (!daemon_reload(daemon, out))
		return refuse(out, "the configuration was not reloaded: the old one stays in force");
	return end_answer(out);
}

/* Answers before the upgrade: the program that takes over has the same socket, and tells its status there. */
static bool answer_upgrade(struct daemon *daemon, struct control_request *request, FILE *out)
{
	if (!request->privileged)
		return refuse(out, "not permitted: upgrade is for root and the daemon's own user");
	if (!daemon_upgrade(daemon, out))
		return refuse(out, "there was no upgrade: the old program goes on");
	return end_answer(out);
}

static bool answer_help(struct daemon *daemon, struct control_request *request, FILE *out);

static const struct request {
	const char *name;
	bool (*answer)(struct daemon *daemon, struct control_request *request, FILE *out);
	const char *sentence;
} requests[] = {
	{"status", answer_status, "whether the daemon works, what it is and does, and what was wrong last"},
	{"stats", answer_stats, "every counter: group, name, worker, queue or interface, value"},
	{"explain", answer_explain, "what every counter means: group, name, sentence, fate"},
	{"maps", answer_maps, "every map: private, public, part, outside, hits, place"},
	{"reload", answer_reload, "read the configuration again"},
	{"upgrade", answer_upgrade, "start the program on the disk in place of this one; no packet is lost"},
	{"help", answer_help, "this list"},
};

static bool answer_help(struct daemon *daemon, struct control_request *request, FILE *out)
{
	(void)daemon;
	(void)request;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		fprintf(out, "%s\t%s\n", requests[i].name, requests[i].sentence);
	return end_answer(out);
}

/* Prints what was asked, fit to be shown between quotes, in ASCII. */
static void quote(FILE *out, const char *text)
{
	for (size_t length; *text;) {
		const char *shown = utf8_visible(&text, &length);

		fputc(length == 1 && *shown != '"' ? *shown : '?', out);
	}
}

/* Answers one request of the control socket: the callback of control_open(). */
bool answer_request(void *daemon, struct control_request *request, FILE *out)
{
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		if (strcmp(requests[i].name, request->line) == 0)
			return requests[i].answer(daemon, request, out);
	fputs("error\tunknown request \"", out);
	quote(out, request->line);
	fputs("\"; try help\n", out);
	return false;
}
