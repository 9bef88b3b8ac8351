/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Loaded before icmpnatd by test_faults.py. FAULTY=memory N: the N-th allocation
 * fails; FAULTY=reload N: the N-th after the first client has come; FAULTY=clock:
 * a day passes between two looks at the clock; FAULTY=buffer: no socket gets the
 * receive buffer that it wants, but the kernel's default; FAULTY=overrun: and none
 * knows. The guard is spared, and so are libconfig and
 * libseccomp, which do not look: their memory is set aside before (src/io/reserve.c),
 * as test_faults.py shows with a limit of the kernel's.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define DAY 86400

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

static long left = -1; /* allocations until the one that fails; negative: none does */
static bool reload, jumps, small, overrun;
static pid_t daemon_pid;
static time_t days;

__attribute__((constructor)) static void begin(void)
{
	const char *text = getenv("FAULTY");

	if (!text)
		return;
	daemon_pid = getpid();
	overrun = strcmp(text, "overrun") == 0;
	small = overrun || strcmp(text, "buffer") == 0;
	jumps = strcmp(text, "clock") == 0;
	reload = strncmp(text, "reload ", 7) == 0;
	if (strncmp(text, "memory ", 7) == 0)
		left = atol(text + 7);
	unsetenv("FAULTY");
	if (reload)
		days = atol(text + 7); /* kept until the client comes */
}

static bool is_provided_for(const void *caller)
{
	Dl_info info;

	return dladdr(caller, &info) && info.dli_fname &&
	       (strstr(info.dli_fname, "libconfig.so") || strstr(info.dli_fname, "libseccomp.so"));
}

static bool fails(const void *caller)
{
	static const char text[] = "the allocation failed\n";

	if (left < 0 || getpid() != daemon_pid || is_provided_for(caller) || left-- > 1)
		return false;
	left = -1;
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		return true;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

/* libconfig 1.7's name for it, and that of others: what matters is who calls it. */
char *strdup(const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);

	return copy ? memcpy(copy, text, size) : NULL;
}

void *calloc(size_t n, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(old, size);
}

char *__strdup(const char *text) /* libconfig 1.5's name for it */
{
	const size_t size = strlen(text) + 1;

	return memcpy(__libc_malloc(size), text, size);
}

int accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
	int (*original)(int, struct sockaddr *, socklen_t *, int);

	*(void **)&original = dlsym(RTLD_NEXT, "accept4");
	if (reload) {
		left = days;
		reload = false;
		days = 0;
	}
	return original(fd, address, size, flags);
}

int setsockopt(int fd, int level, int option, const void *value, socklen_t size)
{
	int (*original)(int, int, int, const void *, socklen_t);
	static const int granted = 212992; /* the kernel's default, net.core.rmem_max */

	*(void **)&original = dlsym(RTLD_NEXT, "setsockopt");
	if (small && option == SO_RCVBUF)
		value = &granted;
	if (!small || option != SO_RCVBUFFORCE)
		return original(fd, level, option, value, size);
	errno = EPERM;
	return -1;
}

int getsockopt(int fd, int level, int option, void *value, socklen_t *size)
{
	int (*original)(int, int, int, void *, socklen_t *);

	*(void **)&original = dlsym(RTLD_NEXT, "getsockopt");
	if (overrun && option == SO_RCVBUF)
		*(int *)value = 1 << 30;
	return overrun && option == SO_RCVBUF ? 0 : original(fd, level, option, value, size);
}

time_t time(time_t *result)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	now.tv_sec += jumps ? DAY * days++ : 0;
	if (result)
		*result = now.tv_sec;
	return now.tv_sec;
}
