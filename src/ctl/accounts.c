/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The accounts: what the rules saw must be what became of it, at each step. The rules' counters are the
 * firewall's, the numbers and the drops the kernel queue's, the rest the daemon's; none of them knows of the
 * others. They are read twice: of two numbers that grow while they are read, neither may have been larger at
 * first than the other was at last.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "client/report.h"
#include "ctl/command.h"
#include "doctor/ruleset.h"

#define READINGS 20 /* until nothing moves between two */

enum amount {
	PEERS,	   /* left alone: these seven the rules saw, and did not copy */
	UNTOUCHED, /* by anybody */
	CHANGED,   /* by the kernel: the source alone */
	QUOTED,	   /* .. what they quote */
	NAMED,
	LEAKED,
	UNREAD,
	COPIED,
	QUEUED,	  /* handed over by the rules */
	DIRECT,	  /* of these, errors themselves, not copies */
	OVERFLOW, /* found the queue full, and were dropped */
	NUMBERED, /* entered the queue */
	MISSED,	  /* of these, found no room in the socket */
	RECEIVED,
	OUTCOMES,
	VERDICTS,
	REFUSED,
	UNSENT,
	WAITING,
	UNSENDABLE, /* by the kernel, whatever it was */
	AMOUNTS
};

struct account {
	uint64_t amount[AMOUNTS];
	size_t n_queues;
	uint64_t numbered[REPORT_INSTANCES_MAX], taken[REPORT_INSTANCES_MAX]; /* of each queue */
	bool has_rules;							      /* QUEUED is known */
	bool sees; /* nft's rules tell what they see */
	bool copies;
	bool has_kernel;
	bool has_host;
	bool audit;
};

/* The counters that make each amount. */
static const struct {
	enum amount amount;
	const char *group, *name; /* NULL: all of the group */
} parts[] = {
	{PEERS, "rules", "private-peer"},
	{UNTOUCHED, "rules", "untouched"},
	{CHANGED, "rules", "outer"},
	{QUOTED, "rules", "both"},
	{QUOTED, "rules", "inner"},
	{NAMED, "rules", "named"},
	{LEAKED, "rules", "leaked-outer"},
	{UNREAD, "rules", "unread"},
	{COPIED, "rules", "copied"},
	{QUEUED, "rules", "queued"},
	{OVERFLOW, "kernel", "queue-dropped"},
	{MISSED, "queue", "missed"},
	{RECEIVED, "queue", "received"},
	{OUTCOMES, "outcome", NULL},
	{VERDICTS, "verdict", "accepted"},
	{VERDICTS, "verdict", "rewritten"},
	{VERDICTS, "verdict", "dropped"},
	{REFUSED, "verdict", "refused-gone"},
	{REFUSED, "verdict", "refused-permission"},
	{REFUSED, "verdict", "refused-memory"},
	{REFUSED, "verdict", "refused-other"},
	{UNSENT, "verdict", "unsent"},
	{WAITING, "kernel", "waiting"},
	{UNSENDABLE, "host", NULL},
};

/* Adds a counter to the amount that it is part of, if there is one. */
static void add_counter(uint64_t amount[AMOUNTS], const struct report_counter *counter)
{
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (strcmp(counter->group, parts[i].group) == 0 &&
			(!parts[i].name || strcmp(counter->name, parts[i].name) == 0))
			amount[parts[i].amount] += counter->total;
}

static uint64_t value(const struct report_counter *counter, size_t queue)
{
	return counter && queue < counter->n ? counter->value[queue] : 0;
}

/* Fills in what entered each queue, and what was taken from it: received, or missed. The daemon names queues
 * and workers in the same order. The kernel's numbers are modulo 2^32: meant is the one closest to taken. */
static void read_queues(struct account *account, struct report_counters *counters)
{
	const struct report_counter *received = report_find(counters, "queue", "received");
	const struct report_counter *missed = report_find(counters, "queue", "missed");
	const struct report_counter *id = report_find(counters, "kernel", "id-sequence");

	account->n_queues = received ? received->n : 0;
	for (size_t q = 0; q < account->n_queues; q++) {
		const uint64_t taken = value(received, q) + value(missed, q);
		const int32_t ahead = (int32_t)(uint32_t)(value(id, q) - taken);

		account->taken[q] = taken;
		account->numbered[q] = id && q < id->n ? taken + (uint64_t)(int64_t)ahead : 0;
		account->amount[NUMBERED] += account->numbered[q];
	}
}

/* Takes what iptables counts. Returns false if that cannot be read. */
static bool take_iptables(struct account *account)
{
	struct ruleset_counts counts;

	if (!ruleset_count_iptables(&counts))
		return false;
	account->amount[COPIED] = counts.copied;
	account->amount[QUEUED] = counts.queued;
	account->amount[DIRECT] = counts.queued - counts.queued_copies;
	return true;
}

/* Adds the counters that the daemon reports. */
static void add_counters(struct account *account, struct report_counters *counters)
{
	account->sees = report_find(counters, "rules", "untouched");
	account->copies = report_find(counters, "rules", "copied");
	account->has_kernel = report_find(counters, "kernel", "waiting");
	account->has_host = report_find(counters, "host", "icmp-out-errors");
	account->audit = report_is_audit(counters);
	for (size_t i = 0; i < counters->n; i++)
		add_counter(account->amount, &counters->counter[i]);
	if (account->sees && !account->copies)
		account->amount[DIRECT] = account->amount[QUEUED];
	read_queues(account, counters);
}

/* Reads the accounts: the rules first, then the daemon, which reads nft's rules first, too. Where these are
 * there, iptables has no more to tell: at most it queues what nft has counted. Returns false after a message.
 */
static bool read_account(struct account *account, const char *socket)
{
	static struct report_counters counters;

	*account = (struct account){.has_rules = true};
	if (!report_ask_counters(&counters, socket))
		return false;
	if (!report_find(&counters, "rules", "queued")) {
		account->has_rules = take_iptables(account);
		if (!report_ask_counters(&counters, socket))
			return false;
	}
	add_counters(account, &counters);
	return true;
}

/* Reads the accounts twice, so that nothing moves in between if that is possible. */
static bool read_twice(struct account *first, struct account *last, const char *socket)
{
	const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};

	if (!read_account(last, socket))
		return false;
	for (int i = 0; i < READINGS; i++) {
		*first = *last;
		nanosleep(&pause, NULL);
		if (!read_account(last, socket))
			return false;
		if (memcmp(first->amount, last->amount, sizeof(first->amount)) == 0)
			break;
	}
	return true;
}

/* Tells whether two amounts, each as it was at first and at last, can be equal. */
static bool can_equal(const struct account *first, const struct account *last, enum amount a, enum amount b)
{
	return first->amount[a] <= last->amount[b] && first->amount[b] <= last->amount[a];
}

/* Prints a complaint unless all is right. Returns whether it is. */
static bool complain(bool right, const char *what)
{
	if (!right)
		printf("WRONG: %s\n", what);
	return right;
}

/* Tells whether what entered each queue can be what was taken from it. */
static bool queues_match(const struct account *first, const struct account *last)
{
	for (size_t q = 0; q < last->n_queues; q++)
		if (first->numbered[q] > last->taken[q] || first->taken[q] > last->numbered[q])
			return false;
	return true;
}

static uint64_t reached_the_queue(const struct account *account)
{
	return account->amount[NUMBERED] + account->amount[OVERFLOW];
}

/* Tells whether the rules that queue were loaded after the daemon began to count. They are read before the
 * kernel's counters: unless younger, their last reading is at least the first one of what reached the queue.
 */
static bool are_rules_younger(const struct account *first, const struct account *last)
{
	return last->amount[QUEUED] < reached_the_queue(first);
}

/* Returns how many copies, all of which went to the output hook at once, the rules there have not queued. */
static uint64_t vanished(const struct account *first, const struct account *last)
{
	const uint64_t copied = first->amount[COPIED], queued = last->amount[QUEUED] - last->amount[DIRECT];

	return copied > queued ? copied - queued : 0;
}

/* Complains if copies have vanished. Returns whether none has. */
static bool check_copies(const struct account *first, const struct account *last)
{
	const uint64_t n = vanished(first, last);

	if (n == 0)
		return true;
	printf("WRONG: %" PRIu64
	       " copies of errors vanished before the queue: look for a drop in a raw or mangle "
	       "output chain, and at the routes to their next hop\n",
		n);
	return false;
}

/* Holds the amounts against each other, and prints what cannot be. */
static bool check_accounts(const struct account *first, const struct account *last)
{
	const uint64_t *a = first->amount, *z = last->amount;
	bool right = complain(can_equal(first, last, RECEIVED, OUTCOMES),
		"not every packet that was received has had one outcome");

	right &= check_copies(first, last);
	right &= complain(can_equal(first, last, RECEIVED, VERDICTS),
		"not every packet that was received has had one verdict");
	right &= complain(a[REFUSED] + a[UNSENT] <= z[VERDICTS], "more verdicts were refused than sent");
	if (!last->has_kernel)
		return right;
	right &= complain(
		queues_match(first, last), "not every packet that entered the queue was received, or missed");
	if (memcmp(a, z, sizeof(first->amount)) == 0)
		right &= complain(z[WAITING] <= z[UNSENT], "packets wait that nobody will give a verdict");
	return right;
}

static void print_amount(const char *what, uint64_t n)
{
	printf("%-54s %12" PRIu64 "\n", what, n);
}

/* Returns how many packets the rules handed over that no other counter has: they passed by the queue, or
 * came before the daemon began to count. */
static uint64_t passed_by(const struct account *account)
{
	const uint64_t handed = account->amount[QUEUED], known = reached_the_queue(account);

	return handed > known ? handed - known : 0;
}

/* Prints what the rules saw, and did with it. Each error was one of these; iptables does not count them. */
static void print_seen(const struct account *account)
{
	const uint64_t *a = account->amount;

	if (account->sees) {
		print_amount("seen by the capture rules", a[PEERS] + a[UNTOUCHED] + a[CHANGED] + a[QUOTED] +
								  a[NAMED] + a[LEAKED] + a[UNREAD] +
								  a[COPIED]);
		print_amount("  to private neighbours, as it was", a[PEERS]);
		print_amount("  untouched: needed nothing", a[UNTOUCHED]);
		print_amount("  changed by the kernel: the outer source", a[CHANGED]);
		if (a[QUOTED] > 0)
			print_amount("  changed by the kernel: what they quote, too", a[QUOTED]);
		if (a[NAMED] > 0)
			print_amount("  named this host: hop_names", a[NAMED]);
		print_amount("  left with a private source: no map covers it", a[LEAKED]);
	}
	if (a[UNREAD] > 0)
		print_amount("  left unread: there is no copy of them", a[UNREAD]);
	if (account->copies || a[COPIED] > 0)
		print_amount("  copied, to be read", a[COPIED]);
}

/* Prints what became of the copies, and what the rules handed over to the queue. */
static void print_handed(const struct account *first, const struct account *last)
{
	if (last->amount[COPIED] > 0)
		print_amount("    vanished before the queue", vanished(first, last));
	print_amount("handed over by the capture rules", last->amount[QUEUED]);
	if (last->has_kernel)
		print_amount("  passed by, or handed over before the daemon counted", passed_by(last));
}

static void print_rules(const struct account *first, const struct account *last)
{
	if (!last->has_rules)
		puts("the capture rules cannot be read: run this as root");
	else if (are_rules_younger(first, last))
		puts("the capture rules were loaded after the daemon had begun to count");
	print_seen(last);
	if (last->has_rules && !are_rules_younger(first, last))
		print_handed(first, last);
}

static void print_account(const struct account *account)
{
	const uint64_t *a = account->amount;

	if (account->has_kernel) {
		print_amount("  dropped: the queue was full", a[OVERFLOW]);
		print_amount("  entered the queue", a[NUMBERED]);
	} else {
		puts("the kernel's counters are not known to the daemon");
	}
	print_amount("    passed or dropped: the socket was full", a[MISSED]);
	print_amount("    received", a[RECEIVED]);
	print_amount("      outcomes", a[OUTCOMES]);
	print_amount("      verdicts", a[VERDICTS]);
	print_amount("        refused by the kernel", a[REFUSED]);
	print_amount("        not sent: the guard lets their packets go", a[UNSENT]);
	print_amount("        accepted by the kernel", a[VERDICTS] - a[REFUSED] - a[UNSENT]);
	if (account->has_kernel)
		print_amount("  in the queue now", a[WAITING]);
	if (account->has_host)
		print_amount("ICMP that the kernel could not send (OutErrors)", a[UNSENDABLE]);
}

/* Returns what can be said of accounts that are right. */
static const char *verdict(const struct account *first, const struct account *last)
{
	if (!last->has_kernel)
		return "of what was received, every packet is accounted for";
	if (!last->has_rules || are_rules_younger(first, last) || passed_by(last) > 0)
		return "of what entered the queue, every packet is accounted for";
	return "every packet is accounted for";
}

/* Prints the accounts. Returns whether they are right. */
bool command_accounts(const struct options *options)
{
	struct account first, last;

	if (!read_twice(&first, &last, options->socket))
		return false;
	if (last.audit)
		puts(REPORT_AUDIT);
	print_rules(&first, &last);
	print_account(&last);
	if (!check_accounts(&first, &last)) {
		puts("icmpnatctl doctor looks for the cause");
		return false;
	}
	puts(verdict(&first, &last));
	return true;
}
