/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Runs a program with files in memory for its input and output: neither side can block, as on a pipe.
 */
#define _GNU_SOURCE
#include "doctor/run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEADLINE 20000 /* ms */

static int memory_file(const char *text)
{
	int fd = memfd_create("doctor", MFD_CLOEXEC);
	size_t length = text ? strlen(text) : 0;

	if (fd < 0 || (length && write(fd, text, length) != (ssize_t)length) || lseek(fd, 0, SEEK_SET) < 0)
		return -1;
	return fd;
}

/* Becomes the program, which ends with its parent, whatever ends that: what listens in the twin would hold it
 * for ever. If it is not there, writes errno to a pipe. */
static void become(const struct run *run, const char *const arguments[], int in, int report, pid_t parent)
{
	const int files[] = {in, run->out, run->errors};
	int error = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < 3 && !error; i++)
		if (dup2(files[i], i) < 0 || fcntl(i, F_SETFD, 0) < 0)
			error = errno;
	if (!error && getppid() == parent) {
		execvp(arguments[0], (char *const *)arguments);
		error = errno;
	}
	_exit(write(report, &error, sizeof(error)) < 0 ? RUN_MISSING : EXIT_FAILURE);
}

static int spawn(struct run *run, const char *const arguments[], int in)
{
	const pid_t parent = getpid();
	int report[2], error = 0;

	if (pipe2(report, O_CLOEXEC) < 0)
		return -1;
	run->pid = fork();
	if (run->pid == 0)
		become(run, arguments, in, report[1], parent);
	if (run->pid < 0)
		error = errno;
	close(report[1]);
	if (run->pid > 0 && read(report[0], &error, sizeof(error)) > 0)
		waitpid(run->pid, NULL, 0);
	close(report[0]);
	errno = error;
	return error ? -1 : 0;
}

static void close_files(const struct run *run)
{
	close(run->out);
	close(run->errors);
}

/* Starts a program in the caller's network namespace. Returns 0; -1 with errno (ENOENT: it is missing). */
int run_start(struct run *run, const char *const arguments[], const char *input)
{
	int in = memory_file(input), error;

	*run = (struct run){.out = memory_file(NULL), .errors = memory_file(NULL)};
	if (in >= 0 && run->out >= 0 && run->errors >= 0 && spawn(run, arguments, in) == 0) {
		close(in);
		return 0;
	}
	error = errno;
	close(in);
	close_files(run);
	errno = error;
	return -1;
}

/* Returns what was written to a file in memory so far, in heap memory; NULL if there is none. */
char *run_read(int file)
{
	struct stat st;
	char *text;

	if (fstat(file, &st) < 0 || !(text = calloc(1, (size_t)st.st_size + 1)))
		return NULL;
	if (pread(file, text, (size_t)st.st_size, 0) == st.st_size)
		return text;
	free(text);
	return NULL;
}

/* Waits for the end of a program, for so many milliseconds at most, and kills it if it
 * is late. Returns its exit status; -1 if it was killed. */
static int run_finish(const struct run *run, int patience)
{
	struct pollfd ended = {.fd = (int)syscall(SYS_pidfd_open, run->pid, 0), .events = POLLIN};
	int status = -1;

	if (patience == 0 || (ended.fd >= 0 && poll(&ended, 1, patience) == 0))
		kill(run->pid, SIGKILL);
	close(ended.fd);
	while (waitpid(run->pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Ends a program that does not end by itself. */
void run_kill(const struct run *run)
{
	run_finish(run, 0);
	close_files(run);
}

/* Runs a program to its end. Returns its exit status, RUN_MISSING if it is not there, -1 if it did not end
 * well. out and errors (or NULL) get what it wrote, which the caller frees; NULL if there is nothing. */
int run_program(const char *const arguments[], const char *input, char **out, char **errors)
{
	struct run run;
	int status;

	if (out)
		*out = NULL;
	if (errors)
		*errors = NULL;
	if (run_start(&run, arguments, input) < 0)
		return errno == ENOENT ? RUN_MISSING : -1;
	status = run_finish(&run, DEADLINE);
	if (out)
		*out = run_read(run.out);
	if (errors)
		*errors = run_read(run.errors);
	close_files(&run);
	return status;
}
