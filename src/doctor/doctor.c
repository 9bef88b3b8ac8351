/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The table of checks, in the order in which they run.
 */
#define _GNU_SOURCE
#include "doctor/doctor.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/client.h"
#include "doctor/route.h"
#include "doctor/run.h"
#include "rules/orphans.h"

#define CLIENT "icmpnatctl"

/* Completes a command that mends something: the client asks the daemon that this one asks, and what is set
 * with ip or sysctl lasts until the next boot. */
static void write_mend(const struct doctor *doctor, char out[DOCTOR_MEND_MAX], const char *mend)
{
	const size_t length = strcspn(mend, "#"); /* what stands behind that is no command */
	const bool network = strncmp(mend, "ip ", 3) == 0 &&
			     (memmem(mend, length, " add ", 5) || memmem(mend, length, " replace ", 9));
	const char *client = strstr(mend, CLIENT " "), *rest = client ? client + strlen(CLIENT) : mend;
	const bool asks = client && strncmp(rest, " -s ", 4) != 0;

	snprintf(
		out, DOCTOR_MEND_MAX, "%.*s%s%s", (int)(rest - mend), mend, asks ? doctor->option : "", rest);
	if (network || strncmp(mend, "sysctl -w ", 10) == 0)
		snprintf(out, DOCTOR_MEND_MAX,
			"%s%s lasts until the next boot: put it where the system keeps such things, too",
			mend, strchr(mend, '#') ? ";" : " #");
}

/* Notes a finding of the check that runs; mend is the command that mends it, or NULL. */
void doctor_say(struct doctor *doctor, enum doctor_state state, const char *mend, const char *format, ...)
{
	char sentence[512], whole[DOCTOR_MEND_MAX] = "";
	const size_t begin = (size_t)snprintf(sentence, sizeof(sentence), "%s", doctor->about);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(sentence + begin, sizeof(sentence) - begin, format, arguments);
	va_end(arguments);
	if (mend)
		write_mend(doctor, whole, mend);
	findings_add(&doctor->findings, state, doctor->check, sentence, whole);
}

/* Takes from a line of the status who holds the rules, the configuration file, and why it does not work. */
static bool take_status(char *line, void *context)
{
	struct doctor *doctor = context;
	struct report_item item;

	if (!report_parse_item(&item, line))
		return false;
	if (strcmp(item.key, "rules") == 0)
		doctor->own_rules = strcmp(item.value, "own") == 0;
	if (strcmp(item.key, "file") == 0 && !doctor->running)
		doctor->running = strdup(item.value);
	if (strcmp(item.key, "working") == 0)
		doctor->is_idle = strcmp(item.value, "no") == 0;
	if (strcmp(item.key, "reason") == 0 && doctor->is_idle && !doctor->idle)
		doctor->idle = strdup(item.value);
	return true;
}

/* Reads the configuration. What is wrong with it is left to icmpnatd --check to say. */
static void check_config(struct doctor *doctor)
{
	struct config_errors errors = {.out = NULL};
	char mend[DOCTOR_MEND_MAX];

	doctor->config = config_load(doctor->path, &errors);
	snprintf(mend, sizeof(mend), "icmpnatd --check --config %s", doctor->file);
	if (!doctor->config && access(doctor->path, R_OK) < 0 && errno == EACCES)
		doctor_say(doctor, DOCTOR_UNKNOWN, doctor->sudo,
			"nothing was looked at: there is no permission to read %s", doctor->path);
	else if (!doctor->config)
		doctor_say(doctor, DOCTOR_PROBLEM, mend, "%s is not a good configuration", doctor->path);
	else
		doctor_say(doctor, DOCTOR_OK, NULL, "%s is a good configuration", doctor->path);
}

static const struct check {
	const char *name;
	void (*run)(struct doctor *doctor);
} checks[] = {
	{"config", check_config}, /* the others need it */
	{"daemon", check_daemon},
	{"interfaces", check_interfaces},
	{"queue", check_queue},
	{"counters", check_counters},
	{"conntrack", check_conntrack},
	{"namespace", check_namespace},
	{"ipsec", check_ipsec},
	{"twin", check_twin},
	{"rules", check_rules},
	{"new-flow", check_new_flow},
	{"established-flow", check_established_flow},
	{"stateless", check_stateless},
	{"addresses", check_addresses},
	{"reverse-path", check_reverse_path},
	{"reload", check_reload},
	{"rate", check_rate},
	{"limits", check_limits},
	{"sending", check_sending}, /* late: it looks at what has happened meanwhile */
	{"need", check_need},
};

/* Returns what stands before an absolute path where another's process sees it, in a command. */
static const char *root_of(const char *path)
{
	return *path == '/' ? "/proc/PID/root" : "";
}

/* Writes the commands that run this again with more rights, with the same options; file: as it was given. */
static void write_again(struct doctor *doctor, const char *file)
{
	char socket[WORD_FILE_MAX];

	word_quote(socket, sizeof(socket), doctor->socket);
	if (strcmp(doctor->socket, ICMPNATD_SOCKET) != 0)
		snprintf(doctor->option, sizeof(doctor->option), " -s %s", socket);
	snprintf(doctor->sudo, sizeof(doctor->sudo), "sudo " CLIENT " doctor%s%s", file ? " --config " : "",
		file ? doctor->file : "");
	snprintf(doctor->nsenter, sizeof(doctor->nsenter),
		"nsenter -t PID -n " CLIENT " -s %s%s doctor --config %s%s "
		"# on the host, with the PID of a process of this container",
		root_of(doctor->socket), socket, root_of(doctor->path), doctor->file);
}

/* Returns the command that looks at what the kernel refuses to this process: root lacks it in a container. */
const char *doctor_privileged(const struct doctor *doctor)
{
	return geteuid() == 0 ? doctor->nsenter : doctor->sudo;
}

/* Runs all checks, or those before the one that loses the way between the host and its twin. */
static void run_checks(struct doctor *doctor)
{
	if (setjmp(doctor->lost) == 0) {
		for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]) && (i == 0 || doctor->config);
			i++) {
			doctor->check = checks[i].name;
			checks[i].run(doctor);
		}
		return;
	}
	doctor->about[0] = '\0';
	doctor_say(doctor, DOCTOR_UNKNOWN, doctor_privileged(doctor),
		"from here on nothing was looked at: the network namespace of this host, or of its twin, "
		"cannot be entered: %s",
		strerror(errno));
}

/* Looks at everything, and prints what is found. socket is the daemon's; file the configuration to be
 * looked at, NULL: the daemon's. Returns the result, as findings_tell() does. */
enum doctor_state doctor_run(const char *socket, const struct output *output, const char *file)
{
	enum doctor_state result;
	struct doctor doctor = {.socket = socket, .routes = route_open(), .twin = {.home = -1, .there = -1}};

	sending_begin(&doctor.sending);
	if (access(socket, F_OK) == 0)
		doctor.runs = client_ask(socket, "status", CLIENT_PATIENCE, take_status, &doctor);
	doctor.own_rules = doctor.own_rules || (!doctor.runs && orphans_exist());
	doctor.path = file ? file : doctor.running ? doctor.running : ICMPNATD_CONFIG;
	word_quote(doctor.file, sizeof(doctor.file), doctor.path);
	write_again(&doctor, file);
	run_checks(&doctor);
	result = findings_tell(&doctor.findings, output);
	findings_free(&doctor.findings);
	twin_end(&doctor.twin);
	ruleset_free(&doctor.ruleset);
	route_close(doctor.routes);
	sending_end(&doctor.sending);
	config_free(doctor.config);
	free(doctor.running);
	free(doctor.idle);
	return result;
}
