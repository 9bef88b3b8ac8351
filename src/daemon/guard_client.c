/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The daemon's half of the talk with the guard. Nothing here waits, except for the end of a
 * trial and for the end of the guard.
 */
#include "daemon/guard_client.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/passing.h"

#define WITHOUT_NAME offsetof(struct guard_message, name) /* bytes of a message that has none */

_Static_assert(WITHOUT_NAME == 8 && GUARD_MESSAGE_PAUSE == 4 && GUARD_MESSAGE_GIVE == 10,
	"a guard of version 0.1.0 understands all but GUARD_MESSAGE_GIVE");

/* Sends a message without a descriptor. False if the other end does not take it. */
bool guard_message_send(int socket, enum guard_message_kind kind, uint16_t trial)
{
	const struct guard_message message = {.kind = kind, .trial = trial};

	return send(socket, &message, WITHOUT_NAME, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)WITHOUT_NAME;
}

/* Receives a message, and its descriptor into *fd (-1: none), without waiting. Returns the number
 * of bytes; 0 if the other end is closed or sends what is no message; -1 with errno. */
ssize_t guard_message_receive(int socket, struct guard_message *message, int *fd)
{
	ssize_t n = passing_receive(socket, message, sizeof(*message), fd);

	if (n == (ssize_t)sizeof(*message))
		message->name[sizeof(message->name) - 1] = '\0';
	else if (n == (ssize_t)WITHOUT_NAME)
		message->name[0] = '\0';
	else if (n > 0)
		n = 0;
	return n;
}

/* Gives the guard a copy of a descriptor, by its name (handover.c has the list). False if it does
 * not listen. */
bool guard_give(const struct guard_client *guard, const char *name, int fd)
{
	struct guard_message message = {.kind = GUARD_MESSAGE_GIVE};

	snprintf(message.name, sizeof(message.name), "%s", name);
	return passing_send(guard->fd, NULL, 0, &message, sizeof(message), fd, MSG_DONTWAIT);
}

/* Returns what the guard has to say, without waiting. The answer to a trial that came too late
 * is nothing. */
enum guard_news guard_hear(struct guard_client *guard)
{
	struct guard_message message;
	int fd;
	ssize_t n;

	if (guard->released) {
		guard->released = false;
		return GUARD_RELEASED;
	}
	n = guard_message_receive(guard->fd, &message, &fd);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		close(guard->fd);
		guard->fd = -1;
		return GUARD_GONE;
	}
	return n > 0 && message.kind == GUARD_MESSAGE_RELEASED ? GUARD_RELEASED : GUARD_SILENT;
}

/* Has the guard run the program on the disk with --check, and waits for its end: the daemon's own
 * filter of system calls does not let it start a program beside itself. */
enum guard_trial guard_try(struct guard_client *guard)
{
	struct pollfd slot = {.fd = guard->fd, .events = POLLIN};
	struct guard_message message;
	int fd;

	if (guard->fd < 0 || !guard_message_send(guard->fd, GUARD_MESSAGE_TRY, ++guard->trial))
		return GUARD_TRIAL_NONE;
	while (poll(&slot, 1, GUARD_TRIAL_LASTS * 2) > 0) {
		if (guard_message_receive(guard->fd, &message, &fd) <= 0)
			return GUARD_TRIAL_NONE;
		if (message.kind == GUARD_MESSAGE_RELEASED)
			guard->released = true;
		else if (message.trial == guard->trial)
			return message.kind == GUARD_MESSAGE_GOOD ? GUARD_TRIAL_GOOD : GUARD_TRIAL_BAD;
	}
	return GUARD_TRIAL_NONE;
}

/* Tells the guard that packets are going to wait until guard_resume(). */
void guard_pause(const struct guard_client *guard)
{
	guard_message_send(guard->fd, GUARD_MESSAGE_PAUSE, 0);
}

/* Tells the guard that the queues are served, and take packets, again. */
void guard_resume(const struct guard_client *guard)
{
	guard_message_send(guard->fd, GUARD_MESSAGE_RESUME, 0);
}

/* Ends the guard, which leaves the queues as they are, and waits up to a second for that: as long
 * as it lives it holds their sockets. Does nothing if there is no guard. */
void guard_dismiss(struct guard_client *guard)
{
	struct pollfd slot = {.fd = guard->fd};

	if (guard->fd < 0)
		return;
	guard_message_send(guard->fd, GUARD_MESSAGE_DISMISS, 0);
	poll(&slot, 1, 1000);
	close(guard->fd);
	guard->fd = -1;
}
