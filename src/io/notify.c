/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Talks to the service manager, if NOTIFY_SOCKET says that there is one. The
 * protocol is stable and a datagram long, so no library is needed for it.
 */
#include "io/notify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* The address of the service manager; its length, or 0 if there is none. */
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

/* Sends a text, with a descriptor (or -1). Nobody can be told if that fails, so
 * nobody is. */
static void send_text(const char *text, int passed)
{
	struct sockaddr_un address;
	struct iovec part = {(void *)(uintptr_t)text, strlen(text)};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(passed))];
	} control = {.header = {CMSG_LEN(sizeof(passed)), SOL_SOCKET, SCM_RIGHTS}};
	struct msghdr message = {
		.msg_name = &address, .msg_namelen = manager(&address), .msg_iov = &part, .msg_iovlen = 1};
	int fd = message.msg_namelen ? socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;

	if (fd < 0)
		return;
	if (passed >= 0) {
		*(int *)(void *)CMSG_DATA(&control.header) = passed;
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
	}
	sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
}

/* Sends "VARIABLE=value" lines. */
void notify_send(const char *format, ...)
{
	char text[512];
	va_list values;

	va_start(values, format);
	vsnprintf(text, sizeof(text), format, values);
	va_end(values);
	send_text(text, -1);
}

/* Whether there is a service manager. */
bool notify_is_heard(void)
{
	struct sockaddr_un address;

	return manager(&address) > 0;
}

/* Gives the service manager a descriptor to keep, for the next start. It is not
 * to look at it: a netlink socket that has overrun would seem broken. */
void notify_store(const char *name, int fd)
{
	char text[64];

	snprintf(text, sizeof(text), "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name);
	send_text(text, fd);
}

/* Makes it close what it keeps under a name. */
void notify_forget(const char *name)
{
	notify_send("FDSTOREREMOVE=1\nFDNAME=%s", name);
}

/* A reload has begun; READY=1 ends it. */
void notify_reloading(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	notify_send("RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
		(uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
}

/* Microseconds between two signs of life that the service manager wants: half
 * of what it waits for, as sd_watchdog_enabled(3) advises. 0: none. */
uint64_t notify_watchdog_interval(void)
{
	const char *microseconds = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

	if (!microseconds || (pid && strtoul(pid, NULL, 10) != (unsigned long)getpid()))
		return 0;
	return strtoull(microseconds, NULL, 10) / 2;
}
