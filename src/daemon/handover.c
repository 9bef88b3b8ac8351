/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * One table says which descriptors are handed over, and by which of three ways. The
 * kernel's queue belongs to its socket, and a table of nft to its own: who holds these can go on
 * where another program has stopped, and nothing that is queued is lost.
 *
 * Two environment variables say what came: LISTEN_FDNAMES what the service manager has kept
 * (sd_listen_fds(3)), ICMPNATD_FDS what execve() has passed on: "name=3:name=4".
 */
#define _GNU_SOURCE
#include "daemon/handover.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/notify.h"

#define VARIABLE "ICMPNATD_FDS"
#define FIRST_FD 3 /* SD_LISTEN_FDS_START */

/* All pass over execve(). What is not stored is not taken from the store either, where any process
 * of the service may have put things. A name that ends in "-" is followed by a number. */
static const struct handover_kind {
	const char *name;
	bool stored;  /* the service manager keeps a copy */
	bool guarded; /* the guard has a copy */
} kinds[] = {
	{"guard", false, false},
	{"control", false, false},
	{"counters", false, true},
	{"queue-", true, true},
	{"spare-", true, true}, /* a queue, of which nothing may leave */
	{"nftables", true, true},
	{"state", true, false},
};

static const struct handover_kind *find_kind(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const size_t length = strlen(kinds[i].name);

		if (strncmp(kinds[i].name, name, length) == 0 &&
			(kinds[i].name[length - 1] == '-' || name[length] == '\0'))
			return &kinds[i];
	}
	return NULL;
}

/* Writes the name of a queue: "queue-3", or "spare-67" in an audit. */
void handover_name_queue(char name[GUARD_NAME_MAX], const struct queue_gate *gate)
{
	snprintf(name, GUARD_NAME_MAX, "%s-%u", gate->spare ? "spare" : "queue", gate->number);
}

/* Tells whether a name is that of a queue, and makes a gate of what it says, for queue_gate_borrow(). */
bool handover_is_queue(const char *name, struct queue_gate *gate)
{
	*gate = (struct queue_gate){.spare = strncmp(name, "spare", 5) == 0};
	return sscanf(name, gate->spare ? "spare-%hu" : "queue-%hu", &gate->number) == 1;
}

static void set_cloexec(int fd, bool on)
{
	fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0);
}

/* Adds an item under a name of so many bytes. False if there is no room, or no such descriptor. */
static bool add_item(struct handover *handover, const char *name, size_t length, struct handover_item item)
{
	if (handover->n == HANDOVER_MAX || length >= sizeof(item.name) || fcntl(item.fd, F_GETFD) < 0)
		return false;
	memcpy(item.name, name, length);
	handover->items[handover->n++] = item;
	set_cloexec(item.fd, true);
	return true;
}

static void read_passed(struct handover *handover, const char *text)
{
	char name[GUARD_NAME_MAX];
	int fd, n;

	while (text && sscanf(text, "%15[^=]=%d%n", name, &fd, &n) == 2) {
		add_item(handover, name, strlen(name), (struct handover_item){.fd = fd});
		text += n + (text[n] == ':');
	}
}

static void read_stored(struct handover *handover, const char *names, const char *pid, const char *count)
{
	int n = count ? atoi(count) : 0;

	if (!names || !pid || strtol(pid, NULL, 10) != (long)getpid())
		return;
	for (int i = 0; i < n; i++) {
		size_t length = strcspn(names, ":");

		if (!add_item(handover, names, length,
			    (struct handover_item){.fd = FIRST_FD + i, .stored = true}))
			close(FIRST_FD + i);
		names += length + (names[length] == ':');
	}
}

/* Reads from the environment what was handed over to this process, and removes it there. Call it
 * before other descriptors are opened. */
void handover_init(struct handover *handover)
{
	handover->n = 0;
	read_passed(handover, getenv(VARIABLE));
	read_stored(handover, getenv("LISTEN_FDNAMES"), getenv("LISTEN_PID"), getenv("LISTEN_FDS"));
	unsetenv(VARIABLE);
	unsetenv("LISTEN_FDNAMES");
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
}

/* Tells whether an item waits to be taken, and may be. */
static bool is_offered(const struct handover_item *item)
{
	const struct handover_kind *kind = find_kind(item->name);

	return item->fd >= 0 && !item->in_use && (!item->stored || (kind && kind->stored));
}

static bool is_in_use(const struct handover_item *item)
{
	return item->fd >= 0 && item->in_use;
}

/* Returns the descriptor that was handed over under a name, which is the caller's now; -1 if
 * there is none. */
int handover_take(struct handover *handover, const char *name)
{
	for (struct handover_item *item = handover->items; item < handover->items + handover->n; item++)
		if (is_offered(item) && strcmp(item->name, name) == 0) {
			item->in_use = true;
			return item->fd;
		}
	return -1;
}

/* Finds a queue that was handed over and is not taken yet. Returns its name for
 * handover_take(); NULL if there is none. */
const char *handover_next_queue(const struct handover *handover)
{
	struct queue_gate gate;

	for (unsigned i = 0; i < handover->n; i++)
		if (is_offered(&handover->items[i]) && handover_is_queue(handover->items[i].name, &gate))
			return handover->items[i].name;
	return NULL;
}

/* Hands a descriptor, which stays the caller's, on to those who shall have a copy: the next program
 * in this process, and the service manager and the guard as the table says. They have it already if
 * it was taken under this name, even if it has another number since (nftables_adopt()). False if
 * the guard does not listen. */
bool handover_keep(struct handover *handover, const char *name, int fd)
{
	const struct handover_kind *kind = find_kind(name);
	bool known = false;

	for (struct handover_item *item = handover->items; item < handover->items + handover->n; item++)
		if (is_in_use(item) && strcmp(item->name, name) == 0) {
			item->fd = fd;
			known = true;
		}
	if (!known &&
		!add_item(handover, name, strlen(name), (struct handover_item){.fd = fd, .in_use = true}))
		handover->full = true;
	if (kind->stored && !known)
		notify_store(name, fd);
	return !kind->guarded || (known && handover->upgraded) || guard_give(handover->guard, name, fd);
}

/* Makes the service manager close what it keeps under a name, and does not hand the descriptor on any more,
 * which stays the caller's (-1: there is none). What else of that name is in use is stored again. */
void handover_forget(struct handover *handover, const char *name, int fd)
{
	notify_forget(name);
	for (struct handover_item *item = handover->items; item < handover->items + handover->n; item++) {
		if (!is_in_use(item) || strcmp(item->name, name) != 0)
			continue;
		if (item->fd == fd)
			item->fd = -1;
		else
			notify_store(name, item->fd);
	}
}

/* Makes the service manager close all that is in use here: this program ends, and no other shall go
 * on with it. */
void handover_forget_all(const struct handover *handover)
{
	notify_forget("state");
	for (unsigned i = 0; i < handover->n; i++)
		if (is_in_use(&handover->items[i]) && find_kind(handover->items[i].name)->stored)
			notify_forget(handover->items[i].name);
}

/* Closes what was handed over and has not been taken. forget makes the service manager do so, too. */
void handover_close_rest(struct handover *handover, bool forget)
{
	for (struct handover_item *item = handover->items; item < handover->items + handover->n; item++) {
		if (item->fd < 0 || item->in_use)
			continue;
		if (forget && item->stored)
			notify_forget(item->name);
		close(item->fd);
		item->fd = -1;
	}
}

/* Passes everything that is in use on to the program that execve() will start, and a state
 * (state_save(), or -1). False if there is no memory, no room, no state or no guard: then nothing may be
 * executed, and handover_take_back() undoes it. */
bool handover_pass_all(const struct handover *handover, int state)
{
	static char text[HANDOVER_MAX * (GUARD_NAME_MAX + 8)];
	const bool possible = state >= 0 && handover->guard->fd >= 0 && !handover->full;
	FILE *out = possible ? fmemopen(text, sizeof(text), "w") : NULL;

	if (!out)
		return false;
	fprintf(out, "state=%d", state);
	set_cloexec(state, false);
	for (unsigned i = 0; i < handover->n; i++)
		if (is_in_use(&handover->items[i])) {
			fprintf(out, ":%s=%d", handover->items[i].name, handover->items[i].fd);
			set_cloexec(handover->items[i].fd, false);
		}
	return fclose(out) == 0 && setenv(VARIABLE, text, 1) == 0;
}

/* Takes back what was passed on: execve() has failed. */
void handover_take_back(const struct handover *handover)
{
	for (unsigned i = 0; i < handover->n; i++)
		set_cloexec(handover->items[i].fd, true);
	unsetenv(VARIABLE);
}
