/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two environment variables say what was inherited: LISTEN_FDNAMES what the
 * service manager kept (sd_listen_fds(3)), ICMPNATD_FDS what the program that
 * was here before passed on: "name=3:name=4".
 */
#define _GNU_SOURCE
#include "io/inherit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/notify.h"

#define VARIABLE  "ICMPNATD_FDS"
#define FIRST_FD  3 /* SD_LISTEN_FDS_START */
#define NAME_MAX_ 16
#define MAX	  160 /* two for each worker, and some */

static struct descriptor {
	char name[NAME_MAX_];
	int fd; /* -1: taken */
	bool stored;
} inherited[MAX];
static unsigned n_inherited;

static char passed[MAX * (NAME_MAX_ + 8)];

static void set_cloexec(int fd, bool on)
{
	fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0);
}

static void add(const char *name, size_t length, int fd, bool stored)
{
	struct descriptor *d = &inherited[n_inherited];

	if (n_inherited == MAX || length >= sizeof(d->name) || fcntl(fd, F_GETFD) < 0)
		return;
	memcpy(d->name, name, length);
	d->fd = fd;
	d->stored = stored;
	set_cloexec(fd, true);
	n_inherited++;
}

static void read_passed(const char *text)
{
	while (text && *text) {
		const char *equals = strchr(text, '=');

		if (!equals)
			break;
		add(text, (size_t)(equals - text), atoi(equals + 1), false);
		text = strchr(equals, ':');
		text = text ? text + 1 : NULL;
	}
}

static void read_stored(const char *names, const char *pid, const char *count)
{
	int n = count ? atoi(count) : 0;

	if (!names || !pid || strtol(pid, NULL, 10) != (long)getpid())
		return;
	for (int i = 0; i < n; i++) {
		size_t length = strcspn(names, ":");

		add(names, length, FIRST_FD + i, true);
		names += length + (names[length] == ':');
	}
}

/* Reads what the environment says, and removes it. Call once, before other
 * descriptors are opened. */
void inherit_init(void)
{
	read_passed(getenv(VARIABLE));
	read_stored(getenv("LISTEN_FDNAMES"), getenv("LISTEN_PID"), getenv("LISTEN_FDS"));
	unsetenv(VARIABLE);
	unsetenv("LISTEN_FDNAMES");
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
}

static int take(struct descriptor *d)
{
	const int fd = d->fd;

	d->fd = -1;
	return fd;
}

/* A descriptor that was inherited under a name, which is now the caller's; -1 if
 * there is none. */
int inherit_take(const char *name)
{
	for (unsigned i = 0; i < n_inherited; i++)
		if (inherited[i].fd >= 0 && strcmp(inherited[i].name, name) == 0)
			return take(&inherited[i]);
	return -1;
}

/* The same, but from the program that was here before, and not from the store, where
 * any process of the service may have put things. */
int inherit_take_passed(const char *name)
{
	for (unsigned i = 0; i < n_inherited; i++)
		if (inherited[i].fd >= 0 && !inherited[i].stored && strcmp(inherited[i].name, name) == 0)
			return take(&inherited[i]);
	return -1;
}

/* Any descriptor whose name begins so; *rest is what follows there, valid for ever. */
int inherit_take_like(const char *begin, const char **rest)
{
	for (unsigned i = 0; i < n_inherited; i++)
		if (inherited[i].fd >= 0 && strncmp(inherited[i].name, begin, strlen(begin)) == 0) {
			*rest = inherited[i].name + strlen(begin);
			return take(&inherited[i]);
		}
	return -1;
}

/* Closes everything, for a process that has no use for it. */
void inherit_drop(void)
{
	for (unsigned i = 0; i < n_inherited; i++)
		if (inherited[i].fd >= 0)
			close(take(&inherited[i]));
}

/* Closes what nobody has taken; the service manager forgets it, too. */
void inherit_close_rest(void)
{
	for (unsigned i = 0; i < n_inherited; i++) {
		if (inherited[i].fd < 0)
			continue;
		if (inherited[i].stored)
			notify_forget(inherited[i].name);
		close(take(&inherited[i]));
	}
}

/* Passes a descriptor on to the program that execve() will start. False if there
 * is no room or no memory. */
bool inherit_pass(const char *name, int fd)
{
	size_t length = strlen(passed);
	int n = snprintf(passed + length, sizeof(passed) - length, "%s%s=%d", length ? ":" : "", name, fd);

	if (n < 0 || (size_t)n >= sizeof(passed) - length || setenv(VARIABLE, passed, 1) < 0) {
		passed[length] = '\0';
		return false;
	}
	set_cloexec(fd, false);
	return true;
}

/* Takes back what was passed on: there was no execve(). */
void inherit_keep(void)
{
	for (const char *at = passed; (at = strchr(at, '=')); at++)
		set_cloexec(atoi(at + 1), true);
	passed[0] = '\0';
	unsetenv(VARIABLE);
}
