/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Loaded before icmpnatd by test_inner_daemon.py, it makes the kernel another one: OTHER_KERNEL=sums mends a sum
 * beside the one that it is told to mend; OTHER_KERNEL=refuses takes no rule that mends any.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* The attribute NFTA_PAYLOAD_CSUM_OFFSET: its length and type as they stand in memory, and a sum at 18. */
static const unsigned char mends[] = {8, 0, 7, 0, 0, 0, 0, 18};

ssize_t sendto(int fd, const void *bytes, size_t length, int flags, const struct sockaddr *to, socklen_t size)
{
	ssize_t (*next)(int, const void *, size_t, int, const struct sockaddr *, socklen_t) =
		(ssize_t (*)(int, const void *, size_t, int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT,
			"sendto");
	const char *other = getenv("OTHER_KERNEL");
	unsigned char *found = other ? memmem(bytes, length, mends, sizeof(mends)) : NULL;

	if (found && strcmp(other, "refuses") == 0) {
		errno = EPERM;
		return -1;
	}
	for (; found; found = memmem(bytes, length, mends, sizeof(mends)))
		found[7] = 20;
	return next(fd, bytes, length, flags, to, size);
}
