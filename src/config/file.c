/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opening what a configuration is made of: regular files, and nothing else. A
 * pipe or a device could keep the daemon waiting for ever.
 */
#include "config/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Says why a file is not one that can be read as a text; NULL if it is one. */
static const char *kind_refusal(const struct stat *status)
{
	if (S_ISDIR(status->st_mode))
		return "it is a directory";
	return S_ISREG(status->st_mode) ? NULL : "it is not a regular file";
}

/* Opens a regular file for reading and fills *status. Looks at its kind before
 * it opens it, because opening some devices does something, and afterwards, because
 * the name may have changed hands. Returns the descriptor, or -1 with the reason in *wrong. */
int config_file_open(const char *name, struct stat *status, const char **wrong)
{
	int descriptor;

	*wrong = stat(name, status) < 0 ? strerror(errno) : kind_refusal(status);
	if (*wrong)
		return -1;
	descriptor = open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (descriptor < 0 || fstat(descriptor, status) < 0)
		*wrong = strerror(errno);
	else
		*wrong = kind_refusal(status);
	if (!*wrong)
		return descriptor;
	if (descriptor >= 0)
		close(descriptor);
	return -1;
}

/* Returns the path of a file that another one names: a relative name counts from the
 * directory of the file that it stands in. Free it; NULL if memory runs out. */
char *config_file_beside(const char *file, const char *name)
{
	const char *slash = *name == '/' ? NULL : strrchr(file, '/');
	const size_t directory = slash ? (size_t)(slash + 1 - file) : 0, size = directory + strlen(name) + 1;
	char *path = malloc(size);

	if (path)
		snprintf(path, size, "%.*s%s", (int)directory, file, name);
	return path;
}
