/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Loaded into the daemon by test_privileges.py. When the daemon first accepts a
 * client, tries what must not work, and what must: "attempt NAME ERRNO" on
 * standard error, 0 for what works.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static void report(const char *name, long result)
{
	dprintf(STDERR_FILENO, "attempt %s %d\n", name, result < 0 ? errno : 0);
}

/* A process that should not be there ends at once. */
static long no_child(long pid)
{
	if (pid == 0)
		_exit(0);
	return pid;
}

static void *nothing(void *argument)
{
	return argument;
}

static long try_thread(void)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, nothing, NULL);
	if (errno == 0)
		pthread_join(thread, NULL);
	return errno ? -1 : 0;
}

static void try_all(void)
{
	struct sockaddr_in inet = {.sin_family = AF_INET, .sin_port = htons(9)};
	struct sockaddr_un local = {.sun_family = AF_UNIX, .sun_path = "/run/systemd/journal/stdout"};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	report("open-for-reading", open("/dev/null", O_RDONLY));
	report("open-for-writing", open("/dev/null", O_WRONLY));
	report("create", open("/tmp/icmpnatd-intruder", O_RDONLY | O_CREAT, 0600));
	report("append", open("/dev/null", O_RDWR | O_APPEND));
	report("socket-unix", fd);
	report("socket-netlink", socket(AF_NETLINK, SOCK_RAW, 0));
	report("socket-inet", socket(AF_INET, SOCK_DGRAM, 0));
	report("socket-packet", socket(AF_PACKET, SOCK_RAW, 0));
	report("connect-inet", connect(fd, (struct sockaddr *)&inet, sizeof(inet)));
	report("connect-unix", connect(fd, (struct sockaddr *)&local, sizeof(local)));
	report("thread", try_thread());
	report("fork", no_child(fork()));
	report("vfork", no_child(syscall(SYS_vfork)));
	report("clone", no_child(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)));
	report("ptrace", ptrace(PTRACE_TRACEME, 0, 0, 0));
	report("load-module", syscall(SYS_init_module, "", 0, ""));
	report("mount", syscall(SYS_mount, "none", "/mnt", "tmpfs", 0, NULL));
	report("unshare", unshare(CLONE_NEWUSER));
	report("setns", setns(fd, 0));
	report("bpf", syscall(SYS_bpf, 0, NULL, 0));
	report("perf", syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
	report("io_uring", syscall(SYS_io_uring_setup, 1, NULL));
	report("keyctl", syscall(SYS_keyctl, 0, 0));
	report("kill", kill(1, 0));
	report("setuid", syscall(SYS_setuid, 1));
	report("chown", syscall(SYS_chown, "/", -1, -1));
	report("reboot", syscall(SYS_reboot, 0, 0, 0, NULL));
	dprintf(STDERR_FILENO, "attempts end\n");
}

int accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
	static int done;
	int (*original)(int, struct sockaddr *, socklen_t *, int);

	*(void **)&original = dlsym(RTLD_NEXT, "accept4");
	if (!done++)
		try_all();
	return original(fd, address, size, flags);
}
