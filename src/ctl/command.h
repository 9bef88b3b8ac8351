/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The subcommands. Each returns true when it did what it is for, false after a message on standard error.
 */
#ifndef CTL_COMMAND_H
#define CTL_COMMAND_H

#include <stdbool.h>

struct output;

struct options {
	const char *socket;
	const struct output *output;
	const char *config; /* of doctor; NULL: the daemon's */
	bool all, explain;
	unsigned long count; /* of watch: intervals, 0 for ever */
	double interval;     /* of watch: seconds */
};

enum command_working { WORKING_YES, WORKING_NO, WORKING_UNKNOWN };

bool command_status(const struct options *options, enum command_working *working);
bool command_stats(const struct options *options);
bool command_maps(const struct options *options);
bool command_accounts(const struct options *options);
bool command_reload(const struct options *options);
bool command_upgrade(const struct options *options);
bool command_watch(const struct options *options);

#endif
