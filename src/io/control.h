/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The control socket: one request line in, lines out, a closing line. Knows
 * clients and bytes; what a request means is told by a callback.
 */
#ifndef IO_CONTROL_H
#define IO_CONTROL_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CONTROL_CLIENTS_MAX  32
#define CONTROL_REQUEST_MAX  128 /* bytes of a request with its newline */
#define CONTROL_IDLE_SECONDS 5	 /* without a byte moved: then a client is cut off */

struct control_request {
	const char *line;    /* without its newline */
	bool privileged;     /* asked by root or by the daemon's own user */
	size_t cursor;	     /* for the callback: how far a long answer has come; 0 at first */
	uint64_t generation; /* for the callback, likewise */
};

/* Writes the answer with its closing line, or a piece of it. Returns true if there
 * is more, and the callback wants to be called again. */
typedef bool control_answer(void *context, struct control_request *request, FILE *out);

struct control *control_open(const char *path, const char *group, control_answer *answer, void *context);
struct control *control_adopt(const char *path, int fd, control_answer *answer, void *context);
int control_descriptor(const struct control *control);
void control_close(struct control *control);
size_t control_poll_fill(const struct control *control, struct pollfd *fds);
void control_poll_done(struct control *control, const struct pollfd *fds);
int control_timeout(const struct control *control);

#endif
