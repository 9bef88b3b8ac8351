/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Allows the system calls of seccomp.def, and answers all others with EPERM. A file may be opened for
 * reading only, a socket may be of netlink or unix, and clone() may make a thread but no process.
 */
#define _GNU_SOURCE
#include "io/seccomp.h"

/* Sanitizers look for leaks from a process of their own. */
#ifdef __has_feature
#if __has_feature(address_sanitizer) && !defined(__SANITIZE_ADDRESS__)
#define __SANITIZE_ADDRESS__
#endif
#endif

#if defined(LIBSECCOMP) && !defined(__SANITIZE_ADDRESS__)

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "io/reserve.h"

#define MEMORY (512 * 1024) /* more than libseccomp takes for a filter of this size */

static const char *const calls[] = {
#define CALL(name) #name,
#define START(name)
#include "io/seccomp.def"
#undef CALL
#undef START
};

/* A call that is allowed if its argument, masked, has a value. */
static const struct condition {
	int call;
	struct scmp_arg_cmp argument;
} conditions[] = {
	{SCMP_SYS(open), {1, SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND, O_RDONLY}},
	{SCMP_SYS(openat), {2, SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND, O_RDONLY}},
	{SCMP_SYS(socket), {0, SCMP_CMP_EQ, AF_NETLINK, 0}},
	{SCMP_SYS(socket), {0, SCMP_CMP_EQ, AF_UNIX, 0}},
#ifdef __s390__
	{SCMP_SYS(clone), {1, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD}},
#else
	{SCMP_SYS(clone), {0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD}},
#endif
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int allow(scmp_filter_ctx filter, int call)
{
	bool conditional = false;
	int error = 0;

	if (call == __NR_SCMP_ERROR) /* not on this architecture, or not in this library */
		return 0;
	if (call == SCMP_SYS(clone3)) /* its flags are in memory; the C library takes clone() then */
		return seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), call, 0);
	for (size_t i = 0; i < COUNT(conditions) && !error; i++)
		if (conditions[i].call == call) {
			conditional = true;
			error = seccomp_rule_add_array(
				filter, SCMP_ACT_ALLOW, call, 1, &conditions[i].argument);
		}
	return conditional ? error : seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
}

/* Forbids, for good, every system call that a serving daemon does not make. It
 * binds threads that are started later, too. Returns 0, or -1 with errno. */
int seccomp_apply(void)
{
	void *reserve = reserve_memory(MEMORY);
	scmp_filter_ctx filter = reserve ? seccomp_init(SCMP_ACT_ERRNO(EPERM)) : NULL;
	int error = filter ? 0 : -ENOMEM;

	for (size_t i = 0; i < COUNT(calls) && !error; i++)
		error = allow(filter, seccomp_syscall_resolve_name(calls[i]));
	if (!error)
		error = seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	free(reserve);
	errno = -error;
	return error ? -1 : 0;
}

#else

/* Forbids nothing: built without libseccomp, or with sanitizers. Returns 0. */
int seccomp_apply(void)
{
	return 0;
}

#endif
