/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The files of a configuration: opened, read whole, put together into one text, and which line of it came
 * from where. libconfig never opens a file itself: it ends the process over one that it cannot read.
 */
#define _GNU_SOURCE
#include "config/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INCLUDE_MAX 10 /* files that are open at the same time */
#define TOO_LONG                                                                                             \
	"the configuration has more than 64 KiB: move its maps into a table, one map on a line, "            \
	"and name that by maps_file (see icmpnatd.conf(5))"

/* A file that is being read, in a chain of those that include it. */
struct text_file {
	const struct text_file *includer; /* NULL: it is the one that was asked for */
	struct config_source source;
	struct stat status;
};

/* Says why a file is not one that can be read as a text; NULL if it is one. */
static const char *kind_refusal(const struct stat *status)
{
	if (S_ISDIR(status->st_mode))
		return "it is a directory: expected a file";
	return S_ISREG(status->st_mode) ? NULL : "it is not a regular file: expected one";
}

/* Says why a file cannot be opened, and what to do about it. */
static const char *open_refusal(int error)
{
	switch (error) {
	case ENOENT:
	case ENOTDIR:
		return "No such file or directory: create it, or correct its name";
	case EACCES:
		return "Permission denied: let the daemon's user read it, and search its directories";
	case ENOMEM:
		return config_no_memory;
	}
	return strerror(error);
}

/* Opens a regular file for reading and fills *status. Looks at its kind before it opens it, because opening
 * a device may do something and a pipe may have no end, and afterwards, because the name may have changed
 * hands. Returns NULL with the reason in *wrong. */
FILE *config_file_open(const char *name, struct stat *status, const char **wrong)
{
	FILE *file = NULL;
	int descriptor;

	*wrong = stat(name, status) < 0 ? open_refusal(errno) : kind_refusal(status);
	if (*wrong)
		return NULL;
	descriptor = open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (descriptor < 0 || fstat(descriptor, status) < 0)
		*wrong = open_refusal(errno);
	else if (!(*wrong = kind_refusal(status)) && !(file = fdopen(descriptor, "r")))
		*wrong = config_no_memory;
	if (!file && descriptor >= 0)
		close(descriptor);
	return file;
}

/* Returns the path of a file that another one names: a relative name counts from the directory of the file
 * that it stands in. Free it; NULL if memory runs out. */
char *config_file_beside(const char *file, const char *name)
{
	const char *slash = *name == '/' ? NULL : strrchr(file, '/');
	const int directory = slash ? (int)(slash + 1 - file) : 0;
	char *path;

	return asprintf(&path, "%.*s%s", directory, file, name) < 0 ? NULL : path;
}

/* Adds a copy of a name to the files of a configuration, and makes *place the first line of that file.
 * False if memory runs out. */
bool config_file_add(struct config *config, const char *name, struct config_place *place)
{
	const size_t n = config->n_files;
	char **files = reallocarray(config->files, n + 1, sizeof(*files));

	if (files)
		config->files = files;
	if (!files || !(files[n] = strdup(name)))
		return false;
	*place = (struct config_place){files[n], (uint16_t)n, 1};
	config->n_files++;
	return true;
}

/* Makes room for the places of the lines of one more file of that size. False if memory runs out. */
static bool add_places(struct config_text *text, size_t size)
{
	struct config_place *places =
		reallocarray(text->places, text->size + size + CONFIG_TEXT_MORE, sizeof(*places));

	if (places)
		text->places = places;
	return places;
}

/* Reads a whole file into heap memory, *bytes, with a NUL behind it, if the text has room for it.
 * Returns NULL or what is wrong; free *bytes in any case. */
static const char *read_whole(struct config_text *text, const char *name, struct stat *status, char **bytes)
{
	const char *wrong;
	FILE *file = config_file_open(name, status, &wrong);
	size_t size;

	if (!file)
		return wrong;
	size = (size_t)status->st_size;
	if (size > CONFIG_TEXT_MAX - text->size)
		wrong = TOO_LONG;
	else if (!add_places(text, size) || !(*bytes = malloc(size + 1)))
		wrong = config_no_memory;
	else if (fread(*bytes, 1, size + 1, file) != size)
		wrong = ferror(file) ? strerror(errno) : config_changed;
	fclose(file);
	if (wrong)
		return wrong;
	(*bytes)[size] = '\0';
	text->size += size;
	return NULL;
}

/* Says why a file may not be included at this point; NULL if it may. */
static const char *include_refusal(const struct text_file *includer, const char *path)
{
	struct stat status;
	unsigned depth = 1;

	if (stat(path, &status) < 0)
		return NULL; /* read_whole() says why */
	for (; includer; includer = includer->includer, depth++)
		if (includer->status.st_dev == status.st_dev && includer->status.st_ino == status.st_ino)
			return "it includes itself: remove this @include";
	return depth > INCLUDE_MAX ? "files are included too deeply: at most 10" : NULL;
}

static bool read_file(struct config_text *text, const struct text_file *includer, const char *name);

/* Puts the file that an @include names into the text. False after a complaint. */
static bool include(struct config_text *text, const struct text_file *includer)
{
	char *path = config_file_beside(includer->source.place.name, includer->source.include);
	const bool good = path && read_file(text, includer, path);

	if (!path)
		config_complain_memory(text->errors, includer->source.place.name);
	free(path);
	return good;
}

/* Puts a file that has been read into the text, on lines of its own. False after a complaint. */
static bool append_file(struct config_text *text, struct text_file *file)
{
	bool good;

	config_scan_end_line(text, file->source.place);
	while ((good = config_scan(text, &file->source)) && file->source.include)
		if (!include(text, file))
			return false;
	config_scan_end_line(text, file->includer ? file->includer->source.place : file->source.place);
	return good;
}

/* Complains about a NUL byte, at which libconfig would stop. True if there is none. */
static bool check_characters(const struct text_file *file, struct config_errors *errors)
{
	struct config_place place = file->source.place;

	if (strlen(file->source.next) == (size_t)file->status.st_size)
		return true;
	for (const char *p = file->source.next; *p; p++)
		place.line += *p == '\n';
	config_complain(errors, place, "a NUL byte: this is not a text file");
	return false;
}

/* Reads a file and all that it includes. False after complaints. */
static bool read_file(struct config_text *text, const struct text_file *includer, const char *name)
{
	struct text_file file = {.includer = includer};
	char *bytes = NULL;
	const char *wrong = include_refusal(includer, name);
	bool good = false;

	if (!wrong)
		wrong = read_whole(text, name, &file.status, &bytes);
	if (!wrong && !config_file_add(text->config, name, &file.source.place))
		wrong = config_no_memory;
	config_note_passing(text->errors, wrong);
	if (wrong && includer) {
		config_complain(text->errors, includer->source.place, "cannot include %s: %s", name, wrong);
	} else if (wrong) {
		config_complain(text->errors, (struct config_place){.name = name}, "%s", wrong);
	} else {
		file.source.next = bytes;
		good = check_characters(&file, text->errors) && append_file(text, &file);
	}
	free(bytes);
	return good;
}

/* Reads a file and all that it includes, up to CONFIG_TEXT_MAX, and adds their names to the files of
 * text->config. False after complaints. *text has been made of zeros but for config and errors. */
bool config_text_read(struct config_text *text, const char *path)
{
	return read_file(text, NULL, path) && text->errors->errors == 0;
}
