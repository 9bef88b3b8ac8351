/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * A line on a terminal that says how far a long work has come.
 */
#ifndef DAEMON_PROGRESS_H
#define DAEMON_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool wanted;  /* standard error is a terminal */
	int width;    /* of the line that is shown; 0: none is */
	int64_t next; /* when it may be shown, in milliseconds */
};

void progress_init(struct progress *progress);
bool progress_is_due(struct progress *progress);
void progress_show(struct progress *progress, unsigned long packets, int percent);
void progress_hide(struct progress *progress);

#endif
