/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Talks to the service manager, if NOTIFY_SOCKET says that there is one. The
 * protocol is stable and a datagram long, so no library is needed for it.
 */
#include "io/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/log.h"
#include "io/passing.h"

#define PATIENCE 5 /* seconds */

/* Puts the address of the service manager into *address. Returns its length, or 0 if there is no
 * service manager. */
static socklen_t manager(struct sockaddr_un *address)
{
	const char *path = getenv("NOTIFY_SOCKET");

	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(address->sun_path))
		return 0;
	memcpy(address->sun_path, path, strlen(path));
	if (path[0] == '@')
		address->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
}

/* Sends a text, with a descriptor (-1: none), and waits for room with the service manager, because no
 * message is sent a second time, and the kernel has room for ten (net.unix.max_dgram_qlen). After a
 * message that found no room the following ones do not wait: their delays would add up. Returns 0,
 * also where there is no service manager; else an errno. */
static int send_text(const char *text, int passed)
{
	static const struct timeval timeout = {.tv_sec = PATIENCE};
	static bool deaf;
	struct sockaddr_un address;
	const socklen_t length = manager(&address);
	int fd = length > 0 ? socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1, error = 0;

	if (fd < 0)
		return length > 0 ? errno : 0;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (!passing_send(fd, &address, length, text, strlen(text), passed, deaf ? MSG_DONTWAIT : 0))
		error = errno;
	deaf = error == EAGAIN;
	close(fd);
	return error;
}

/* Sends "VARIABLE=value" lines. A failure is not reported: the service manager itself would have to
 * know. */
void notify_send(const char *format, ...)
{
	char text[512];
	va_list values;

	va_start(values, format);
	vsnprintf(text, sizeof(text), format, values);
	va_end(values);
	send_text(text, -1);
}

/* Tells whether there is a service manager. */
bool notify_is_heard(void)
{
	struct sockaddr_un address;

	return manager(&address) > 0;
}

/* Gives the service manager a descriptor to keep for the next start, under a name, or logs why it
 * does not. FDPOLL=0 tells it not to poll the descriptor: a netlink socket whose buffer has
 * overrun would seem broken to it. */
void notify_store(const char *name, int fd)
{
	char text[64];
	int error;

	snprintf(text, sizeof(text), "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name);
	error = send_text(text, fd);
	if (error)
		log_warning(
			"the service manager did not take %s (%s): a restart loses what it holds; look at "
			"FileDescriptorStoreMax of the unit",
			name, error == EAGAIN ? "it does not read" : strerror(error));
}

/* Makes the service manager close the descriptors that it keeps under a name. */
void notify_forget(const char *name)
{
	notify_send("FDSTOREREMOVE=1\nFDNAME=%s", name);
}

/* Tells the service manager that a reload has begun. READY=1 ends it. */
void notify_reloading(void)
{
	notify_send("RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_microseconds());
}

/* Returns the microseconds between two signs of life that the service manager wants: half of its
 * patience, as sd_watchdog_enabled(3) advises. 0: it wants none. */
uint64_t notify_watchdog_interval(void)
{
	const char *microseconds = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

	if (!microseconds || (pid && strtoul(pid, NULL, 10) != (unsigned long)getpid()))
		return 0;
	return strtoull(microseconds, NULL, 10) / 2;
}
