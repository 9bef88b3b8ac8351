/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The checks that make the twin of this host, and hold the host's capture rules against those of the twin.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor/doctor.h"
#include "doctor/route_copy.h"
#include "doctor/run.h"
#include "doctor/sysctl.h"

/* Cuts what a program said down to its first line, which is returned. */
static const char *first_line(char *text)
{
	if (!text || !*text)
		return "it did not say why";
	text[strcspn(text, "\n")] = '\0';
	return text;
}

#define PRIVILEGE "" /* stands for doctor_privileged() */

/* Why there can be no twin, where the system's own words say too little. */
static const struct {
	enum twin_step step;
	int error;
	const char *why, *mend;
} obstacles[] = {
	{TWIN_NAMESPACE, EPERM, "CAP_SYS_ADMIN is missing", PRIVILEGE},
	{TWIN_NAMESPACE, ENOSPC, "there are as many network namespaces as the kernel allows",
		"sysctl user.max_net_namespaces # with -w and a greater number it allows more"},
	{TWIN_NAMESPACE, EINVAL, "this kernel has no network namespaces", NULL},
	{TWIN_TUN, ENOENT, "there is no /dev/net/tun", "modprobe tun"},
	{TWIN_TUN, ENODEV, "the kernel's module tun is missing", "modprobe tun"},
	{TWIN_TUN, ENXIO, "the kernel's module tun is missing", "modprobe tun"},
	{TWIN_TUN, EPERM, "/dev/net/tun is closed to this container", PRIVILEGE},
	{TWIN_TUN, EACCES, "/dev/net/tun is closed to this user", PRIVILEGE},
	{TWIN_DEVICE, EPERM, "CAP_NET_ADMIN is missing", PRIVILEGE},
};

/* Says why there is no twin. */
static void say_obstacle(struct doctor *doctor, int error)
{
	const struct twin *twin = &doctor->twin;
	const bool loaded = access("/sys/class/misc/tun", F_OK) == 0;
	const char *why = strerror(error), *mend = NULL;

	for (size_t i = 0; i < sizeof(obstacles) / sizeof(obstacles[0]); i++)
		if (obstacles[i].step == twin->step && obstacles[i].error == error) {
			why = obstacles[i].why;
			mend = obstacles[i].mend;
		}
	if ((mend && !*mend) || (loaded && twin->step == TWIN_TUN))
		mend = doctor_privileged(doctor);
	doctor_say(doctor, DOCTOR_UNKNOWN, mend,
		"rules and routes were not tried: there can be no twin of %s: %s", twin->failed, why);
}

/* Gives the twin this host's settings, and notes whether it took them. */
static void copy_settings(struct doctor *doctor)
{
	struct sysctl_refusals refused;

	sysctl_copy(&doctor->twin, &refused);
	doctor->has_settings = refused.n == 0;
	if (refused.n)
		doctor_say(doctor, DOCTOR_UNKNOWN, doctor_privileged(doctor),
			"no errors were provoked: the twin lacks %u settings of this host (the first one is "
			"%s: %s)",
			refused.n, refused.name, strerror(refused.error));
}

/* Makes the twin, with this host's interfaces, addresses and routes; *whole tells whether it has all of them.
 * Returns false after a finding if there is none. */
static bool copy_network(struct doctor *doctor, bool *whole)
{
	struct route_refusals refused;

	if (twin_make(&doctor->twin, &doctor->lost) < 0) {
		say_obstacle(doctor, errno);
		return false;
	}
	copy_settings(doctor);
	twin_raise(&doctor->twin);
	if (!doctor->routes || route_copy(doctor->routes, &doctor->twin, &refused) < 0) {
		doctor_say(doctor, DOCTOR_UNKNOWN, NULL, "routes were not tried: they cannot be read (%s)",
			strerror(errno));
		return false;
	}
	if (refused.n)
		doctor_say(doctor, DOCTOR_UNKNOWN, NULL,
			"%u of this host's addresses, routes and policy rules cannot be made in its twin, "
			"the first of them %s (%s): what depends on them was not looked at",
			refused.n, refused.first, strerror(refused.error));
	*whole = doctor->has_settings && refused.n == 0;
	return true;
}

/* Says which rules the twin does not take. */
static void say_refused(void *doctor, const char *rules, char *complaint)
{
	doctor_say(doctor, DOCTOR_UNKNOWN, NULL,
		"%s cannot be loaded in the twin (%s): what becomes of errors there was not looked at", rules,
		first_line(complaint));
}

/* Says which rules could not be read. */
static void say_unread(void *doctor, const char *program, char *complaint)
{
	char mend[DOCTOR_MEND_MAX];

	snprintf(mend, sizeof(mend), "apt-get install iptables; %s # must list the rules", program);
	doctor_say(doctor, DOCTOR_UNKNOWN, mend, "the rules that %s lists were not looked at: %s", program,
		first_line(complaint));
}

/* Reads the packet filter of this host. Returns false after a finding if that failed. */
static bool read_rules(struct doctor *doctor)
{
	int status = ruleset_read(&doctor->ruleset);

	if (status == RUN_MISSING)
		doctor_say(doctor, DOCTOR_UNKNOWN, "apt-get install nftables",
			"rules were not tried: nft is not installed, without which they cannot be read");
	else if (status != 0)
		doctor_say(doctor, DOCTOR_UNKNOWN, NULL,
			"rules were not tried: nft does not list those of this host (%s)",
			first_line(doctor->ruleset.warnings));
	return status == 0;
}

/* Makes the twin that other checks need. */
void check_twin(struct doctor *doctor)
{
	bool whole = false;

	if (!copy_network(doctor, &whole) || !read_rules(doctor))
		return;
	whole = ruleset_is_whole(&doctor->ruleset, say_unread, doctor) && whole;
	twin_enter(&doctor->twin);
	whole = ruleset_copy(&doctor->ruleset, say_refused, doctor) && whole;
	twin_leave(&doctor->twin);
	doctor->has_twin = true;
	doctor->is_whole = whole;
	if (whole)
		doctor_say(
			doctor, DOCTOR_OK, NULL, "a twin of this host has its interfaces, routes and rules");
}

#define N_KINDS RULES_NONE /* that bring errors to the daemon */

/* What became of the rules of one kind, in the twin. */
enum trial { TRIAL_REFUSED, TRIAL_OTHER, TRIAL_SAME /* as the host has them */ };

/* Removes the capture rules from the twin, and loads those of a kind. Returns false if they are refused. */
static bool load_kind(const struct config *config, size_t kind, char **complaint)
{
	ruleset_load(config, RULES_NONE, complaint);
	return ruleset_load(config, (enum rules_format)kind, complaint);
}

/* Tries one kind of rules; present: what the host has. *complaint keeps why the first was refused. */
static enum trial try_kind(struct doctor *doctor, size_t kind, const char *present, char **complaint)
{
	struct ruleset ruleset;
	char *text, *said = NULL;
	bool same;

	if (!rules_can((enum rules_format)kind, doctor->config))
		return TRIAL_REFUSED;
	if (!load_kind(doctor->config, kind, &said)) {
		if (*complaint)
			free(said);
		else
			*complaint = said;
		return TRIAL_REFUSED;
	}
	free(said);
	text = ruleset_read(&ruleset) == 0 ? ruleset_own(&ruleset) : NULL;
	same = text && strcmp(text, present) == 0;
	ruleset_free(&ruleset);
	free(text);
	return same ? TRIAL_SAME : TRIAL_OTHER;
}

/* Tries one kind after the other until one is what the host has: *same; *best is the first that loads, those
 * that copy errors about new flows before the others. Either is N_KINDS if there is none. */
static void try_kinds(
	struct doctor *doctor, const char *present, size_t *same, size_t *best, char **complaint)
{
	*same = *best = N_KINDS;
	for (size_t kind = 0; kind < N_KINDS && *same == N_KINDS; kind++) {
		const enum trial trial = try_kind(doctor, kind, present, complaint);

		if (trial == TRIAL_SAME)
			*same = kind;
		if (trial != TRIAL_REFUSED &&
			(*best == N_KINDS || (rules_kinds[kind].copies && !rules_kinds[*best].copies)))
			*best = kind;
	}
}

/* Tells whether the host has the rules that its daemon holds, in which the kernel may translate what errors
 * quote: no kind that can be printed does. */
static bool has_held(struct doctor *doctor, const char *present)
{
	char *complaint = NULL;
	bool same;

	if (!doctor->own_rules || !config_kernel_changes_quotes(doctor->config))
		return false;
	same = try_kind(doctor, RULES_TWIN, present, &complaint) == TRIAL_SAME;
	free(complaint);
	return same;
}

/* Tells whether rules of a kind, once loaded, leave some of those that are present in place, which then queue
 * errors a second time: each program replaces its own alone. */
static bool leaves_some(const char *present, size_t kind)
{
	const struct rules_kind *k = &rules_kinds[kind];
	const bool nft = k->copies == &rules_nft || k->queues == &rules_nft;
	const bool iptables = k->copies == &rules_iptables || k->queues == &rules_iptables;

	return (!nft && strstr(present, "table ip")) || (!iptables && strstr(present, "-A "));
}

/* Writes the command that loads rules of a kind. */
static void write_load(
	char mend[DOCTOR_MEND_MAX], const struct doctor *doctor, const char *present, size_t kind)
{
	size_t n = 0;

	if (leaves_some(present, kind))
		n = (size_t)snprintf(mend, DOCTOR_MEND_MAX, "icmpnatd --config %s --print-rules=%s | %s; ",
			doctor->file, rules_kinds[RULES_NONE].name, rules_kinds[RULES_NONE].loader);
	if (n < DOCTOR_MEND_MAX)
		snprintf(mend + n, DOCTOR_MEND_MAX - n, "icmpnatd --config %s --print-rules=%s | %s",
			doctor->file, rules_kinds[kind].name, rules_kinds[kind].loader);
}

/* Tells whether some rules of the host could not be read. */
static bool lacks_rules(const struct doctor *doctor)
{
	bool lacks = false;

	for (size_t i = 0; i < sizeof(doctor->ruleset.unread) / sizeof(doctor->ruleset.unread[0]); i++)
		lacks = lacks || doctor->ruleset.unread[i];
	return lacks;
}

/* Says that no capture rules load: nft's reason, without the place in a text that nobody sees, and the line
 * that it names. They are tried where nothing can come to harm. */
static void say_none_loads(struct doctor *doctor, char *complaint)
{
	const char *why = complaint ? strstr(complaint, "Error: ") : NULL, *line;
	char reason[256], mend[DOCTOR_MEND_MAX];

	if (why) {
		line = why + strcspn(why, "\n");
		line += strspn(line, "\n\t ");
		snprintf(reason, sizeof(reason), "%.*s: %.*s", (int)strcspn(why, "\n"), why,
			(int)strcspn(line, "\n"), line);
	} else {
		snprintf(reason, sizeof(reason), "%s", first_line(complaint));
	}
	snprintf(mend, sizeof(mend), "icmpnatd --config %s --print-rules | unshare --net nft -f -",
		doctor->file);
	doctor_say(doctor, DOCTOR_PROBLEM, mend, "this kernel, or its nft, refuses the capture rules (%s)",
		reason);
}

#define RESTART "systemctl restart icmpnatd"

/* Says what is wrong with the capture rules, if anything is: same is the kind that the host has, best the
 * best one that it could have; complaint is what was said about another. */
static void say_rules(struct doctor *doctor, size_t same, size_t best, const char *present, char *complaint)
{
	char mend[DOCTOR_MEND_MAX] = RESTART;

	if (!doctor->runs && doctor->config->rules != CONFIG_RULES_EXTERNAL && best == RULES_NFT &&
		(doctor->mute || !*present))
		strcpy(mend, doctor->mute ? RESTART : "systemctl start icmpnatd"); /* it brings its own */
	else if (!doctor->own_rules && best < N_KINDS)
		write_load(mend, doctor, present, best);
	if (best == N_KINDS)
		say_none_loads(doctor, complaint);
	else if (same == N_KINDS && lacks_rules(doctor))
		return; /* ours may be among those that were not read, which has been said */
	else if (!*present)
		doctor_say(doctor, DOCTOR_PROBLEM, mend, "the capture rules are not loaded");
	else if (same == N_KINDS)
		doctor_say(doctor, DOCTOR_PROBLEM, mend,
			"the capture rules are not those that go with %s and the interfaces", doctor->path);
	else if (!rules_kinds[same].copies)
		doctor_say(doctor, DOCTOR_NOTE, rules_kinds[best].copies ? mend : NULL,
			"the capture rules are in force, of a kind that leaves errors about new flows alone");
	else
		doctor_say(doctor, DOCTOR_OK, NULL, "the capture rules of %s are in force", doctor->path);
}

/* Says whether the host's rules go with its configuration. Leaves in the twin the kind that the host has, or
 * else the best one that loads: for one queue, whatever the number of workers. */
void check_rules(struct doctor *doctor)
{
	char *present = doctor->has_twin ? ruleset_own(&doctor->ruleset) : NULL, *complaint = NULL;
	struct config one;
	size_t same, best, used;

	if (!present)
		return;
	rules_heed_policies(doctor->config); /* of which the twin has none */
	twin_enter(&doctor->twin);
	try_kinds(doctor, present, &same, &best, &complaint);
	if (same == N_KINDS && has_held(doctor, present))
		same = RULES_NFT;
	doctor->config->audit = false; /* the twin shows what would be */
	one = *doctor->config;
	used = same < N_KINDS ? same : best;
	if (used < N_KINDS)
		doctor->kind = (enum rules_format)used;
	say_rules(doctor, same, best, present, complaint);
	one.queue.workers = 1;
	doctor->has_rules = doctor->has_settings && used < N_KINDS && load_kind(&one, used, &complaint);
	doctor->best = (enum rules_format)best;
	doctor->copies = doctor->has_rules && rules_kinds[used].copies;
	doctor->tees = doctor->has_rules && rules_kinds[used].copies == &rules_iptables;
	twin_leave(&doctor->twin);
	free(present);
	free(complaint);
}
