/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The lines of the status: whether the daemon does its work now, what it is, for whom it works, what became
 * of the errors and by whom, and the last lines of the log that somebody should have read. See
 * icmpnatctl(8), PROTOCOL.
 */
#include "daemon/status.h"

#include <inttypes.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/log.h"
#include "io/queue_counters.h"
#include "io/rule_counters.h"
#include "rules/rules.h"

/* What became of errors, in the order in which it is told. */
enum dealt { BY_NOBODY, BY_KERNEL, BY_WORKERS, LET_GO, NO_ERROR, DROPPED, DEALT_COUNT };

static const struct {
	const char *who, *sentence;
} dealt_texts[DEALT_COUNT] = {
	[BY_NOBODY] = {"nobody", "needed nothing"},
	[BY_KERNEL] = {"kernel", "translated by the kernel"},
	[BY_WORKERS] = {"daemon", "translated by the daemon"},
	[LET_GO] = {"let-go", "left with a private address, or unread"},
	[NO_ERROR] = {"malformed", "not well-formed"},
	[DROPPED] = {"dropped", "dropped by the kernel: queue or daemon's buffer full"},
};

/* Adds what the rules of nft have counted. Returns whether there are such rules. Those that do not copy see
 * an error again after the daemon: *final tells that all of them end here, the daemon's, too. */
static bool add_rules(uint64_t dealt[DEALT_COUNT], struct mnl_socket *socket, bool *final)
{
	struct rule_counters counters;

	*final = false;
	if (!rule_counters_read(socket, &counters) || counters.n == 0)
		return false;
	for (size_t i = 0; i < counters.n; i++) {
		const uint64_t *packets = counters.row[i].packets;

		dealt[BY_NOBODY] += packets[RULE_COUNTER_PRIVATE_PEER] + packets[RULE_COUNTER_UNTOUCHED];
		dealt[BY_KERNEL] += packets[RULE_COUNTER_OUTER] + packets[RULE_COUNTER_BOTH] +
				    packets[RULE_COUNTER_INNER] + packets[RULE_COUNTER_NAMED];
		dealt[LET_GO] += packets[RULE_COUNTER_LEAKED_OUTER] + packets[RULE_COUNTER_UNREAD];
	}
	*final = !counters.present[RULE_COUNTER_COPIED];
	return true;
}

/* Adds what the workers have decided, by fate. */
static void add_outcomes(uint64_t dealt[DEALT_COUNT], const struct workers *workers, bool final)
{
	static const enum dealt by_fate[] = {[FATE_REWRITTEN] = BY_WORKERS,
		[FATE_PASSED] = BY_NOBODY,
		[FATE_LEAKED] = LET_GO,
		[FATE_MALFORMED] = NO_ERROR};
	uint64_t count[DEALT_COUNT] = {0};

	for (unsigned w = 0; w < workers->n; w++)
		for (unsigned o = 0; o < OUTCOME_COUNT; o++)
			count[by_fate[outcome_fate(o)]] +=
				stats_get(&workers->worker[w].stats, STATS_OUTCOME + o);
	if (final) {
		count[BY_NOBODY] = count[LET_GO] = 0;
		dealt[BY_NOBODY] -=
			dealt[BY_NOBODY] < count[BY_WORKERS] ? dealt[BY_NOBODY] : count[BY_WORKERS];
	}
	for (unsigned i = 0; i < DEALT_COUNT; i++)
		dealt[i] += count[i];
}

/* Adds what found no room. What passes a full queue as it is (queue.overload) nobody counts. */
static void add_dropped(uint64_t dealt[DEALT_COUNT], const struct daemon *daemon)
{
	struct queue_counters counters;

	for (unsigned w = 0; w < daemon->workers.n; w++)
		if (queue_counters_read(
			    daemon->counters, daemon->workers.worker[w].queue.gate.number, &counters))
			dealt[DROPPED] += counters.queue_dropped + counters.user_dropped;
}

static void print_errors(FILE *out, const uint64_t dealt[DEALT_COUNT])
{
	for (unsigned i = 0; i < DEALT_COUNT; i++)
		fprintf(out, "errors\t%s\t%" PRIu64 "\t%s\n", dealt_texts[i].who, dealt[i],
			dealt_texts[i].sentence);
}

static bool is_any_interface_up(const struct policy *policy)
{
	for (size_t i = 0; i < policy->config->n_outside; i++)
		if (atomic_load(&policy->interfaces[i]))
			return true;
	return false;
}

/* Prints whether errors are translated now; if not, or if that cannot be told, why. */
static void print_working(FILE *out, const struct daemon *daemon, bool has_rules)
{
	if (daemon->hung)
		fputs("working\tno\nreason\ta worker hangs: errors leave as the kernel makes them until all "
		      "workers move; journalctl -u icmpnatd, and if it lasts systemctl restart icmpnatd\n",
			out);
	else if (!is_any_interface_up(workers_policy(&daemon->workers)))
		fputs("working\tno\nreason\tno outside interface is there: create one, or correct outside\n",
			out);
	else if (!has_rules && !own_rules_are_held(&daemon->own_rules))
		fputs("working\tunknown\nreason\tnft has no capture rules; those of iptables are not seen "
		      "from here: run icmpnatctl doctor as root\n",
			out);
	else
		fputs("working\tyes\n", out);
}

static const char *lookup_text(enum decide_lookup lookup)
{
	static const char *const texts[] = {
		[LOOKUP_AUTO] = "auto", [LOOKUP_ALWAYS] = "always", [LOOKUP_NEVER] = "never"};

	return texts[lookup];
}

/* Tells whether the kernel attaches flows to packets. Of a queue that was taken over the daemon
 * knows that only when a packet has come with one. */
static bool attaches_flows(const struct worker *worker)
{
	return worker->queue.attaches_flows || stats_get(&worker->stats, STATS_FLOW_ATTACHED) > 0;
}

/* Prints what the kernel changes in place, and why not more of it. */
static void print_kernel(FILE *out, const struct config *config, const struct own_rules *rules)
{
	if (config->kernel == CONFIG_KERNEL_NEVER)
		fputs("kernel\tnever\n", out);
	else if (rules->has_policies)
		fputs("kernel\tnever\t(there are IPsec policies)\n", out);
	else if (config->kernel == CONFIG_KERNEL_OUTER)
		fputs("kernel\touter\n", out);
	else if (!own_rules_are_held(rules))
		fputs("kernel\touter\t(external rules)\n", out);
	else if (rules->no_quotes)
		fprintf(out, "kernel\touter\t(%s)\n", rules->no_quotes);
	else
		fputs("kernel\tauto\n", out);
}

static void print_program(FILE *out, const struct daemon *daemon)
{
	fprintf(out, "version\t%s\npid\t%ld\nuptime\t%lld\nstarted\t%lld\nupgrades\t%u\n", PACKAGE_VERSION,
		(long)getpid(), (long long)(clock_milliseconds() / 1000 - daemon->times.started_monotonic),
		(long long)daemon->times.started, daemon->times.upgrades);
}

static void print_configuration(FILE *out, const struct daemon *daemon)
{
	const struct policy *policy = workers_policy(&daemon->workers);
	const struct config *config = policy->config;
	const unsigned first = config->queue.number, n = daemon->workers.n;

	fprintf(out, "file\t%s\nloaded\t%lld\nmaps\t%zu\nlookup\t%s\n", daemon->program.path,
		(long long)policy->loaded, config->n_entries, lookup_text(config->lookup));
	fprintf(out, "attached-flows\t%s\nworkers\t%u\nqueues\t%u",
		attaches_flows(&daemon->workers.worker[0]) ? "yes" : "no", n, first);
	if (n > 1)
		fprintf(out, "-%u", first + n - 1);
	fprintf(out, "\nmode\t%s\n", config->audit ? "audit\t(nothing is changed on the wire)" : "live");
	fprintf(out, "rules\t%s\n", own_rules_are_held(&daemon->own_rules) ? "own" : "external");
	print_kernel(out, config, &daemon->own_rules);
}

/* Prints the outside interfaces, and of which families errors are looked at there. */
static void print_outside(FILE *out, const struct policy *policy)
{
	const struct config *config = policy->config;
	const bool needed[RULES_FAMILIES] = {
		rules_are_needed(config, &rules_families[0]), rules_are_needed(config, &rules_families[1])};

	for (size_t i = 0; i < config->n_outside; i++) {
		const char *between = "\t";

		fprintf(out, "outside\t%s\t%s", config->outside[i].name,
			atomic_load(&policy->interfaces[i]) ? "up" : "missing");
		for (unsigned f = 0; f < RULES_FAMILIES; f++)
			if (needed[f] || config->outside[i].hop_names[f].line) {
				fprintf(out, "%sIPv%d", between, rules_families[f].version);
				between = " ";
			}
		fputc('\n', out);
	}
}

static void print_last(FILE *out, const char *key, int priority)
{
	struct log_last last;

	if (log_get_last(priority, &last))
		fprintf(out, "%s\t%lld\t%s\n", key, (long long)last.when, last.text);
	else
		fprintf(out, "%s\tnone\n", key);
}

/* Prints the status, a line for each item: "key value", and what belongs to it. */
void status_print(FILE *out, const struct daemon *daemon)
{
	uint64_t dealt[DEALT_COUNT] = {0};
	bool final;
	const bool has_rules = add_rules(dealt, daemon->rule_counters, &final);

	add_outcomes(dealt, &daemon->workers, final);
	add_dropped(dealt, daemon);
	print_working(out, daemon, has_rules);
	print_program(out, daemon);
	print_configuration(out, daemon);
	print_outside(out, workers_policy(&daemon->workers));
	print_errors(out, dealt);
	print_last(out, "last-error", LOG_ERR);
	print_last(out, "last-warning", LOG_WARNING);
}
