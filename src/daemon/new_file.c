/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Writes beside the file that is to be replaced, and renames at the end. What is no regular file, as a pipe
 * or a device, is written to as it is.
 */
#define _GNU_SOURCE
#include "daemon/new_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void new_file_free(struct new_file *file)
{
	free(file->target);
	free(file->temporary);
	*file = (struct new_file){NULL, NULL, NULL};
}

/* Makes the file that path (where a link leads to) will be. st is what is there, or NULL. */
static int open_temporary(struct new_file *file, const char *path, const struct stat *st)
{
	int fd;

	if (st && access(path, W_OK) < 0)
		return -1;
	file->target = st ? realpath(path, NULL) : strdup(path);
	if (!file->target || asprintf(&file->temporary, "%s.%ld", file->target, (long)getpid()) < 0)
		return -1;
	fd = open(file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd >= 0 && st)
		fchmod(fd, st->st_mode & 0777);
	return fd;
}

static int open_path(struct new_file *file, const char *path)
{
	struct stat st;
	const bool exists = stat(path, &st) == 0;

	if (exists && !S_ISREG(st.st_mode))
		return open(path, O_WRONLY | O_CLOEXEC);
	return open_temporary(file, path, exists ? &st : NULL);
}

/* Opens file->stream for writing; "-" is standard output. False with errno. */
bool new_file_open(struct new_file *file, const char *path)
{
	int fd;

	*file = (struct new_file){NULL, NULL, NULL};
	fd = strcmp(path, "-") == 0 ? dup(STDOUT_FILENO) : open_path(file, path);
	if (fd >= 0)
		file->stream = fdopen(fd, "wb");
	if (!file->stream)
		new_file_free(file);
	return file->stream;
}

/* Gives the file its name once the disk has all of it, and closes the stream. False with errno: then discard
 * it. */
bool new_file_finish(struct new_file *file)
{
	bool good = fflush(file->stream) == 0;

	if (file->temporary)
		good = good && fsync(fileno(file->stream)) == 0 && rename(file->temporary, file->target) == 0;
	if (!good)
		return false;
	fclose(file->stream);
	new_file_free(file);
	return true;
}

/* Closes the stream and leaves no new file; what was there before is left alone. False if it cannot be
 * undone, as it is no regular file. */
bool new_file_discard(struct new_file *file)
{
	const bool undone = file->temporary && unlink(file->temporary) == 0;

	fclose(file->stream);
	new_file_free(file);
	return undone;
}
