/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The checks that make the twin of this host and hold the host's capture rules
 * against those that the twin was given.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/doctor.h"
#include "doctor/run.h"

/* Cuts what a program said down to its first line. */
static const char *first_line(char *text)
{
	if (!text || !*text)
		return "without a word";
	text[strcspn(text, "\n")] = '\0';
	return text;
}

/* The interfaces, addresses and routes. */
static bool copy_network(struct doctor *doctor)
{
	const char *failed;
	unsigned left_out;

	if (twin_make(&doctor->twin, &failed) < 0) {
		doctor_say(doctor, DOCTOR_UNKNOWN, errno == EPERM ? "sudo icmpnatctl doctor" : "modprobe tun",
			"rules and routes were not tried: there can be no twin of %s (%s)", failed,
			strerror(errno));
		return false;
	}
	if (!doctor->routes || twin_copy_routes(&doctor->twin, doctor->routes, &left_out) < 0) {
		doctor_say(doctor, DOCTOR_UNKNOWN, NULL, "routes were not tried: they cannot be read (%s)",
			strerror(errno));
		return false;
	}
	if (left_out)
		doctor_say(doctor, DOCTOR_UNKNOWN, NULL,
			"%u addresses, routes or policy rules could not be copied: what depends on them was "
			"not looked at",
			left_out);
	return true;
}

/* The packet filter. */
static bool copy_rules(struct doctor *doctor)
{
	char *complaint = NULL;
	int status = ruleset_read(&doctor->ruleset);
	bool copied;

	if (status == RUN_MISSING) {
		doctor_say(doctor, DOCTOR_PROBLEM, "apt-get install nftables", "nft is not installed");
		return false;
	}
	if (status != 0) {
		doctor_say(doctor, DOCTOR_UNKNOWN, NULL, "nft does not list the rules of this host");
		return false;
	}
	twin_enter(&doctor->twin);
	copied = ruleset_copy(&doctor->ruleset, &complaint);
	twin_leave(&doctor->twin);
	if (!copied)
		doctor_say(doctor, DOCTOR_UNKNOWN, "nft list ruleset | nft -c -f -",
			"rules were not tried: this host's cannot be loaded again (%s)",
			first_line(complaint));
	free(complaint);
	return copied;
}

/* Makes the twin, with all of the host's rules. */
void check_twin(struct doctor *doctor)
{
	if (!copy_network(doctor) || !copy_rules(doctor))
		return;
	doctor->has_twin = true;
	doctor_say(doctor, DOCTOR_OK, NULL, "a twin of this host has its interfaces, routes and rules");
}

/* The kinds of rules, the best first, and how each is loaded. */
static const struct {
	enum rules_format format;
	const char *load;
	bool copies; /* errors about new flows, which a queue would lose */
} kinds[] = {
	{RULES_NFT, "=nft | nft -f -", true},
	{RULES_MIXED, "=mixed | sh", true},
	{RULES_IPTABLES, "=iptables | sh", true},
	{RULES_DIRECT, "=direct | nft -f -", false},
	{RULES_IPTABLES_DIRECT, "=iptables-direct | sh", false},
};

#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* Loads the rules of a kind in the twin. Returns them as text to be compared; NULL
 * if they are refused. */
static char *load_kind(struct doctor *doctor, size_t kind, char **complaint)
{
	struct ruleset ruleset;
	char *text = NULL;

	if (!ruleset_load(doctor->config, kinds[kind].format, complaint))
		return NULL;
	if (ruleset_read(&ruleset) == 0)
		text = ruleset_own(&ruleset);
	ruleset_free(&ruleset);
	return text;
}

/* Removes what is loaded, and loads the rules of a kind: for one queue, whatever
 * the number of workers. */
static bool load_for_probes(struct doctor *doctor, size_t kind)
{
	struct config one = *doctor->config;
	char *complaint = NULL;
	bool loaded;

	one.queue.workers = 1;
	ruleset_load(&one, RULES_NONE, &complaint);
	loaded = ruleset_load(&one, kinds[kind].format, &complaint);
	free(complaint);
	return loaded;
}

/* Loads one kind after the other in the twin, until there is one like what is
 * present on the host. Returns it, or N_KINDS. *best is then the best one that the
 * kernel takes, with *complaint about the first that it does not. */
static size_t find_kind(struct doctor *doctor, const char *present, size_t *best, char **complaint)
{
	char *last = NULL;
	bool same = false;
	size_t kind;

	*best = N_KINDS;
	for (kind = 0; kind < N_KINDS && !same && (*present || *best == N_KINDS); kind++) {
		char *text;

		if (kind == 0 || *best < N_KINDS)
			ruleset_load(doctor->config, RULES_NONE, &last);
		text = load_kind(doctor, kind, &last);
		same = text && strcmp(text, present) == 0;
		if (text && *best == N_KINDS)
			*best = kind;
		if (!text && !*complaint)
			*complaint = last ? strdup(last) : NULL;
		free(text);
	}
	free(last);
	return same ? kind - 1 : N_KINDS;
}

static void say_rules(struct doctor *doctor, size_t kind, size_t best, bool present, char *complaint)
{
	char mend[DOCTOR_MEND_MAX] = "systemctl restart icmpnatd";

	if (!doctor->own_rules && best < N_KINDS)
		snprintf(mend, sizeof(mend), "icmpnatd --config %s --print-rules%s", doctor->path,
			kinds[best].load);
	if (best == N_KINDS)
		doctor_say(doctor, DOCTOR_PROBLEM, "icmpnatd --print-rules | nft -c -f -",
			"this kernel, or its nft, refuses the capture rules (%s)", first_line(complaint));
	else if (!present)
		doctor_say(doctor, DOCTOR_PROBLEM, mend, "the capture rules are not loaded");
	else if (kind == N_KINDS)
		doctor_say(doctor, DOCTOR_PROBLEM, mend,
			"the capture rules are not those that go with %s and the interfaces", doctor->path);
	else if (!kinds[kind].copies)
		doctor_say(doctor, DOCTOR_NOTE, "man icmpnatd",
			"the capture rules are in force, of a kind that leaves errors about new flows alone");
	else
		doctor_say(doctor, DOCTOR_OK, NULL, "the capture rules of %s are in force", doctor->path);
}

/* Whether the host has the rules that go with its configuration. */
void check_rules(struct doctor *doctor)
{
	char *present = doctor->has_twin ? ruleset_own(&doctor->ruleset) : NULL, *complaint = NULL;
	size_t kind, best, used;

	if (!present)
		return;
	twin_enter(&doctor->twin);
	kind = find_kind(doctor, present, &best, &complaint);
	used = kind < N_KINDS ? kind : best;
	doctor->has_rules = used < N_KINDS && ((kind < N_KINDS && doctor->config->queue.workers == 1) ||
						      load_for_probes(doctor, used));
	doctor->copies = doctor->has_rules && kinds[used].copies;
	twin_leave(&doctor->twin);
	say_rules(doctor, kind, best, *present, complaint);
	free(present);
	free(complaint);
}
