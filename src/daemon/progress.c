/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Shown only on a terminal, not before half a second, and four times a second at most. It must be hidden
 * before anything else is printed there.
 */
#include "daemon/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "io/clock.h"

#define FIRST_MILLISECONDS 500
#define NEXT_MILLISECONDS  250

/* Begins a work of which there is nothing to show yet. */
void progress_init(struct progress *progress)
{
	*progress = (struct progress){
		.wanted = isatty(STDERR_FILENO),
		.next = clock_milliseconds() + FIRST_MILLISECONDS,
	};
}

/* Tells whether it is time to show the line (again). */
bool progress_is_due(struct progress *progress)
{
	int64_t now;

	if (!progress->wanted)
		return false;
	now = clock_milliseconds();
	if (now < progress->next)
		return false;
	progress->next = now + NEXT_MILLISECONDS;
	return true;
}

/* Shows the line; percent is -1 if the end is not known. */
void progress_show(struct progress *progress, unsigned long packets, int percent)
{
	progress_hide(progress);
	progress->width = percent < 0 ? fprintf(stderr, "%lu packets", packets)
				      : fprintf(stderr, "%lu packets, %d %%", packets, percent);
	fflush(stderr);
}

/* Removes the line, if it is there. */
void progress_hide(struct progress *progress)
{
	if (progress->width > 0)
		fprintf(stderr, "\r%*s\r", progress->width, "");
	progress->width = 0;
}
