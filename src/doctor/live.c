/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The checks of the host as it runs: the daemon, its queue and counters, connection tracking, settings.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/report.h"
#include "doctor/doctor.h"
#include "doctor/run.h"
#include "io/flow.h"
#include "io/rewrite.h"

/* Tells whether two paths lead to the same file; b may be as another process sees it: /proc/PID/root/.. */
static bool same_file(const char *a, const char *b)
{
	struct stat file_a, file_b;
	int root = 0;

	if (sscanf(b, "/proc/%*u/root%n", &root) == 0 && root && strcmp(a, b + root) == 0)
		return true;
	return stat(a, &file_a) == 0 && stat(b, &file_b) == 0 && file_a.st_dev == file_b.st_dev &&
	       file_a.st_ino == file_b.st_ino;
}

/* Says that it is an audit, and what ends it. */
static void say_audit(struct doctor *doctor)
{
	char mend[DOCTOR_MEND_MAX];

	snprintf(mend, sizeof(mend), "editor %s # mode = \"live\"; then systemctl restart icmpnatd",
		doctor->file);
	doctor_say(doctor, DOCTOR_NOTE, mend,
		"the mode is \"audit\": nothing is changed on the wire, and what follows says what would be");
}

#define LOG	       "journalctl -u icmpnatd"
#define LOG_OR_RESTART LOG " # if it lasts: systemctl restart icmpnatd"

/* Says what no answer of the daemon means: a process that hangs, or has another socket, holds our queue. */
static void say_mute(struct doctor *doctor)
{
	const struct config_queue *queue = &doctor->config->queue;
	const struct holder *holder = NULL;

	holders_read(&doctor->holders);
	for (unsigned i = 0; i < queue->workers && !doctor->mute; i++) {
		holder = holders_find(&doctor->holders, queue->number + i);
		if (holder && strncmp(holder->name, "icmpnatd", 8) == 0)
			doctor->mute = holder->process;
	}
	if (doctor->mute)
		doctor_say(doctor, DOCTOR_PROBLEM, LOG_OR_RESTART,
			"icmpnatd does not answer on %s, but its process %u lives and holds queue %u",
			doctor->socket, doctor->mute, holder->queue);
	else
		doctor_say(doctor, DOCTOR_PROBLEM, "systemctl start icmpnatd",
			"no icmpnatd answers on %s: what it would read leaves as the kernel makes it",
			doctor->socket);
}

/* Says whether a daemon answers, and with which configuration file it runs. */
void check_daemon(struct doctor *doctor)
{
	char mend[DOCTOR_MEND_MAX], other[WORD_FILE_MAX];

	if (doctor->running && !same_file(doctor->running, doctor->path)) {
		word_quote(other, sizeof(other), doctor->running);
		snprintf(mend, sizeof(mend), "icmpnatctl doctor --config %s", other);
		doctor_say(doctor, DOCTOR_NOTE, mend, "the daemon runs with %s, not with %s", doctor->running,
			doctor->path);
	}
	if (doctor->config->audit)
		say_audit(doctor);
	if (doctor->runs && doctor->is_idle)
		doctor_say(doctor, DOCTOR_PROBLEM, LOG_OR_RESTART, "icmpnatd does not work now: %s",
			doctor->idle ? doctor->idle : "it does not say why");
	else if (doctor->runs)
		doctor_say(doctor, DOCTOR_OK, NULL, "icmpnatd answers on %s", doctor->socket);
	else if (access(doctor->socket, W_OK) < 0 && errno == EACCES)
		doctor_say(doctor, DOCTOR_UNKNOWN, doctor->sudo,
			"icmpnatd was not asked: there is no permission for %s", doctor->socket);
	else
		say_mute(doctor);
}

#define GROW "icmpnatctl watch # tells whether it still grows"

/* The counters that should be 0, what it means if one is not, and what to do next; NULL: look at what leaves.
 */
static const struct {
	const char *group, *name;
	enum doctor_state state;
	const char *sentence, *mend;
} suspicious[] = {
	{"verdict", "refused-permission", DOCTOR_PROBLEM, "verdicts were refused for want of CAP_NET_ADMIN",
		"systemctl restart icmpnatd"},
	{"verdict", "refused-other", DOCTOR_PROBLEM, "verdicts were refused; the log says why", LOG},
	{"verdict", "unsent", DOCTOR_PROBLEM, "verdicts could not be sent; the log says why", LOG},
	{"kernel", "queue-dropped", DOCTOR_NOTE,
		"errors found the queue full: a larger queue.length takes more of them", GROW},
	{"kernel", "user-dropped", DOCTOR_NOTE,
		"errors found the daemon's buffer full: more queue.workers take more of them", GROW},
	{"flow", "failed", DOCTOR_NOTE, "questions to connection tracking failed; maps were applied", LOG},
	{"outcome", "leaked-outer", DOCTOR_NOTE, "errors left from a private address that no map covers",
		NULL},
	{"outcome", "leaked-inner", DOCTOR_NOTE, "errors left that quote a private address", NULL},
	{"outcome", "leaked-extension", DOCTOR_NOTE,
		"errors left with a private address in their extension, as the setting extensions lets them",
		NULL},
	{"rules", "leaked-outer", DOCTOR_NOTE, "errors left from a private address that no map covers", NULL},
};

/* Says what one of the suspicious counters means. */
static void say_suspicious(struct doctor *doctor, size_t i, uint64_t count)
{
	char show[DOCTOR_MEND_MAX];

	if (strcmp(suspicious[i].name, "leaked-extension") == 0 &&
		doctor->config->extensions != EXTENSION_TRANSLATE)
		snprintf(show, sizeof(show), "editor %s # extensions = \"translate\"; then icmpnatctl reload",
			doctor->file);
	else
		snprintf(show, sizeof(show),
			"tcpdump -nni %s 'icmp or icmp6' # shows the address: give it a map",
			doctor->config->n_outside == 1 ? doctor->config->outside[0].name : "any");
	doctor_say(doctor, suspicious[i].state, suspicious[i].mend ? suspicious[i].mend : show, "%llu %s",
		(unsigned long long)count, suspicious[i].sentence);
}

/* Says which of the suspicious counters of the daemon are not 0. */
void check_counters(struct doctor *doctor)
{
	static struct report_counters counters;
	bool clean = true;

	if (!doctor->runs || !report_ask_counters(&counters, doctor->socket))
		return;
	for (size_t i = 0; i < sizeof(suspicious) / sizeof(suspicious[0]); i++) {
		const struct report_counter *c =
			report_find(&counters, suspicious[i].group, suspicious[i].name);

		if (!c || c->total == 0)
			continue;
		clean = false;
		say_suspicious(doctor, i, c->total);
	}
	if (clean)
		doctor_say(doctor, DOCTOR_OK, NULL, "nothing was lost, refused or leaked");
}

/* Says why the kernel could not send errors, and what is to be done. */
static void say_unsent(struct doctor *doctor, const char *protocol, uint64_t errors)
{
	const bool waits = doctor->has_rules && !doctor->copies;
	const struct rules_kind *best = &rules_kinds[doctor->best];
	char mend[DOCTOR_MEND_MAX] = "cat /proc/net/netfilter/nfnetlink_queue; tc -s qdisc show";

	if (waits && best->copies)
		snprintf(mend, sizeof(mend),
			"icmpnatd --print-rules=none | sh; icmpnatd --config %s --print-rules=%s | %s",
			doctor->file, best->name, best->loader);
	else if (waits)
		strcpy(mend, "systemctl restart icmpnatd");
	doctor_say(doctor, DOCTOR_PROBLEM, mend,
		"%llu %s errors were not sent while the doctor looked: the buffer of a processor's ICMP "
		"socket (about 159 errors) was full of %s",
		(unsigned long long)errors, protocol,
		waits ? "errors in our queue, which are no copies"
		      : "what waits in another program's queue or in a link's");
}

/* Says what the kernel could not send since the doctor began. What it could not send before may have had
 * reasons that are gone; replies to ping are no errors. */
void check_sending(struct doctor *doctor)
{
	static const char *const protocols[HOST_COUNTER_COUNT] = {"ICMP", "ICMPv6"};
	uint64_t errors, replies;
	bool all_sent = true;

	for (unsigned i = 0; i < HOST_COUNTER_COUNT; i++) {
		sending_look(&doctor->sending, (enum host_counter)i, &errors, &replies);
		all_sent = all_sent && errors + replies == 0;
		if (errors)
			say_unsent(doctor, protocols[i], errors);
		else if (replies)
			doctor_say(doctor, DOCTOR_NOTE, "tc -s qdisc show",
				"the kernel could not send %llu replies to ping of %s while the doctor "
				"looked",
				(unsigned long long)replies, protocols[i]);
	}
	if (all_sent)
		doctor_say(doctor, DOCTOR_OK, NULL, "the kernel could send all ICMP while the doctor looked");
}

/* Says whether connection tracking answers questions. */
void check_conntrack(struct doctor *doctor)
{
	struct flow_socket *flows = flow_open();
	int error = flows ? flow_probe(flows) : errno;

	flow_close(flows);
	if (error == 0)
		doctor_say(doctor, DOCTOR_OK, NULL, "connection tracking answers");
	else if (error == EPERM)
		doctor_say(doctor, DOCTOR_UNKNOWN, doctor_privileged(doctor),
			"connection tracking answers only to root");
	else
		doctor_say(doctor, doctor->config->lookup == LOOKUP_NEVER ? DOCTOR_NOTE : DOCTOR_PROBLEM,
			"modprobe nf_conntrack_netlink", "connection tracking does not answer: %s",
			strerror(error));
}

/* Says whether the kernel sends what the daemon has changed. */
void check_namespace(struct doctor *doctor)
{
	char reason[REWRITE_REASON_MAX];

	if (rewrite_is_dropped(reason, sizeof(reason)))
		doctor_say(doctor, DOCTOR_PROBLEM, NULL,
			"this network namespace belongs to a user namespace, where the kernel drops every "
			"packet that is changed (%s): run icmpnatd in the network namespace of the host or "
			"of a privileged container",
			reason);
	else
		doctor_say(doctor, DOCTOR_OK, NULL, "the kernel sends what is changed");
}

/* Reads a number below /proc/sys/net/ipv4. Returns -1 if there is no such setting. */
long doctor_read_sysctl(const char *name)
{
	char path[128];
	long value = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/%s", name);
	file = fopen(path, "re");
	if (!file || fscanf(file, "%ld", &value) != 1)
		value = -1;
	if (file)
		fclose(file);
	return value;
}

/* Tells whether the kernel drops packets that come in by an interface and would not be answered by it. */
static bool is_strict(const char *interface)
{
	char name[64];
	long all = doctor_read_sysctl("conf/all/rp_filter"), one;

	snprintf(name, sizeof(name), "conf/%s/rp_filter", interface);
	one = doctor_read_sysctl(name);
	return (all > one ? all : one) == 1; /* the kernel takes the larger one */
}

/* Says which outside interfaces have a strict reverse path filter, which is right with one uplink only. */
void check_reverse_path(struct doctor *doctor)
{
	const struct config *config = doctor->config;
	char mend[DOCTOR_MEND_MAX];
	bool strict = false;

	for (size_t i = 0; config->n_outside > 1 && i < config->n_outside; i++) {
		const char *name = config->outside[i].name;

		if (!is_strict(name))
			continue;
		strict = true;
		snprintf(mend, sizeof(mend), "sysctl -w net/ipv4/conf/%s/rp_filter=2", name);
		doctor_say(doctor, DOCTOR_PROBLEM, mend,
			"%s drops what would not be answered by it (strict reverse path filter), which does "
			"not go with several uplinks",
			name);
	}
	if (!strict)
		doctor_say(doctor, DOCTOR_OK, NULL, "no reverse path filter is in the way");
}

/* A bit for each type of ICMPv4 errors, as in net.ipv4.icmp_ratemask. */
#define BIT_4(type) | 1L << type
#define BIT_6(type)
#define ICMP_TYPE(name, version, type, text, unit) BIT_##version(type)
static const long types_v4 = 0
#include "core/icmp_type.def"
	;

/* Says whether the kernel limits errors to each peer: ICMPv4 types in a mask (default 0x1818). */
void check_rate(struct doctor *doctor)
{
	long pause = doctor_read_sysctl("icmp_ratelimit"), types = doctor_read_sysctl("icmp_ratemask");

	if (pause > 0 && types > 0 && types & types_v4)
		doctor_say(doctor, DOCTOR_NOTE, "sysctl -w net.ipv4.icmp_ratelimit=100",
			"the kernel emits at most one IPv4 error in %ld ms to each peer", pause);
	else
		doctor_say(doctor, DOCTOR_OK, NULL, "the kernel does not limit IPv4 errors by peer");
}
