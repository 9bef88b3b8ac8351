/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of checks, in the order in which they are told.
 */
#include "doctor/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/client.h"
#include "doctor/route.h"

static const struct check {
	const char *name;
	void (*run)(struct doctor *doctor);
} checks[] = {
	{"daemon", check_daemon},
	{"interfaces", check_interfaces},
	{"queue", check_queue},
	{"counters", check_counters},
	{"conntrack", check_conntrack},
	{"twin", check_twin},
	{"rules", check_rules},
	{"new-flow", check_new_flow},
	{"established-flow", check_established_flow},
	{"addresses", check_addresses},
	{"reverse-path", check_reverse_path},
	{"reload", check_reload},
	{"rate", check_rate},
	{"need", check_need},
};

/* Tells a finding; mend is the command that mends it, or NULL. */
void doctor_say(struct doctor *doctor, enum doctor_state state, const char *mend, const char *format, ...)
{
	static const char *const names[] = {"ok", "note", "problem", "unknown"};
	char sentence[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(sentence, sizeof(sentence), format, arguments);
	va_end(arguments);
	doctor->problem = doctor->problem || state == DOCTOR_PROBLEM;
	doctor->output->finding(
		&(struct report_finding){doctor->check, names[state], sentence, mend ? mend : ""});
}

/* Takes the name of the configuration file, if a line of the status has it. */
static bool take_file(char *line, void *context)
{
	char **file = context;
	struct report_item item;

	if (report_parse_item(&item, line) && !*file && strcmp(item.key, "file") == 0)
		*file = strdup(item.value);
	return true;
}

/* Returns the configuration file of the daemon; else the default. */
static char *find_file(const char *socket)
{
	char *file = NULL;

	if (access(socket, F_OK) == 0)
		client_ask(socket, "status", CLIENT_PATIENCE, take_file, &file);
	return file ? file : strdup(ICMPNATD_CONFIG);
}

/* Reads the configuration. What is wrong with it is left to icmpnatd --check to say. */
static bool load_config(struct doctor *doctor)
{
	struct config_errors errors = {.out = NULL};
	char mend[DOCTOR_MEND_MAX];

	doctor->check = "config";
	doctor->config = doctor->path ? config_load(doctor->path, &errors) : NULL;
	snprintf(mend, sizeof(mend), "icmpnatd --check --config %s", doctor->path);
	if (!doctor->config)
		doctor_say(doctor, DOCTOR_PROBLEM, mend, "%s is not a good configuration", doctor->path);
	else
		doctor_say(doctor, DOCTOR_OK, NULL, "%s is a good configuration", doctor->path);
	return doctor->config;
}

static void run_checks(struct doctor *doctor)
{
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		doctor->check = checks[i].name;
		checks[i].run(doctor);
	}
}

/* Looks at everything, and prints what is found. socket is the daemon's; file the configuration to be
 * looked at, NULL: the daemon's. Returns false if a problem was found. */
bool doctor_run(const char *socket, const struct output *output, const char *file)
{
	struct doctor doctor = {.socket = socket,
		.output = output,
		.path = file ? strdup(file) : find_file(socket),
		.routes = route_open(),
		.twin = {.home = -1, .there = -1}};

	output->head(OUTPUT_DOCTOR, false, false);
	if (load_config(&doctor))
		run_checks(&doctor);
	output->tail();
	twin_end(&doctor.twin);
	ruleset_free(&doctor.ruleset);
	route_close(doctor.routes);
	config_free(doctor.config);
	free((char *)doctor.path);
	return !doctor.problem;
}
