/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files of a configuration: opened, read whole, put together into one text, and which line of it came
 * from where. libconfig never opens a file itself: it ends the process over one that it cannot read.
 */
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
	dev_t device;
	ino_t inode;
};

/* Says why a file is not one that can be read as a text; NULL if it is one. */
static const char *kind_refusal(const struct stat *status)
{
	if (S_ISDIR(status->st_mode))
		return "it is a directory";
	return S_ISREG(status->st_mode) ? NULL : "it is not a regular file";
}

/* Opens a regular file for reading and fills *status. Looks at its kind before it opens it, because
 * opening a device may do something and a pipe may have no end, and afterwards, because the name
 * may have changed hands. Returns NULL with the reason in *wrong. */
FILE *config_file_open(const char *name, struct stat *status, const char **wrong)
{
	FILE *file = NULL;
	int descriptor;

	*wrong = stat(name, status) < 0 ? strerror(errno) : kind_refusal(status);
	if (*wrong)
		return NULL;
	descriptor = open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (descriptor < 0 || fstat(descriptor, status) < 0)
		*wrong = strerror(errno);
	else if (!(*wrong = kind_refusal(status)) && !(file = fdopen(descriptor, "r")))
		*wrong = strerror(ENOMEM);
	if (!file && descriptor >= 0)
		close(descriptor);
	return file;
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

/* Adds a copy of a name to the files of a configuration, and makes *place the first line of
 * that file. False if memory runs out. */
bool config_file_add(struct config *config, const char *name, struct config_place *place)
{
	char **files = realloc(config->files, (config->n_files + 1) * sizeof(*files));

	if (!files)
		return false;
	config->files = files;
	files[config->n_files] = strdup(name);
	if (!files[config->n_files])
		return false;
	*place = (struct config_place){files[config->n_files], (uint16_t)config->n_files, 1};
	config->n_files++;
	return true;
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
	else if (!(*bytes = malloc(size + 1)))
		wrong = strerror(ENOMEM);
	else if (fread(*bytes, 1, size + 1, file) != size)
		wrong = ferror(file) ? strerror(errno) : "it changed while it was read";
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
		if (includer->device == status.st_dev && includer->inode == status.st_ino)
			return "it includes itself";
	return depth > INCLUDE_MAX ? "files are included too deeply" : NULL;
}

static bool read_file(struct config_scan *scan, const struct text_file *includer, const char *name);

/* Puts the file that an @include names into the text. False after a complaint. */
static bool include(struct config_scan *scan, const struct text_file *includer)
{
	const struct config_source *source = &includer->source;
	char *name = strndup(source->include, source->include_length);
	char *path = name ? config_file_beside(source->place.name, name) : NULL;
	const bool good = path && read_file(scan, includer, path);

	if (!path)
		config_complain_memory(scan->errors, source->place.name);
	free(name);
	free(path);
	return good;
}

/* Makes room for the places of the lines of a file, and of two more around it. False if memory runs out. */
static bool add_room(struct config_text *text, const char *bytes)
{
	struct config_place *places;

	text->room += 2;
	for (; *bytes; bytes++)
		text->room += *bytes == '\n';
	places = realloc(text->places, text->room * sizeof(*places));
	if (places)
		text->places = places;
	return places;
}

/* Puts a file that has been read into the text, on lines of its own. False after a complaint. */
static bool append_file(struct config_scan *scan, struct text_file *file)
{
	enum config_scanned scanned;

	if (!add_room(scan->text, file->source.next)) {
		config_complain_memory(scan->errors, file->source.place.name);
		return false;
	}
	if (file->includer)
		config_scan_end_line(scan, file->source.place);
	else
		scan->text->places[scan->text->n_lines++] = file->source.place;
	while ((scanned = config_scan(scan, &file->source)) == CONFIG_SCANNED_INCLUDE)
		if (!include(scan, file))
			return false;
	config_scan_end_line(scan, file->includer ? file->includer->source.place : file->source.place);
	return scanned == CONFIG_SCANNED_ALL;
}

/* Complains about a NUL byte, at which libconfig would stop. True if there is none. */
static bool check_characters(const struct config_source *source, size_t size, struct config_errors *errors)
{
	struct config_place place = source->place;

	if (strlen(source->next) == size)
		return true;
	for (const char *p = source->next; *p; p++)
		place.line += *p == '\n';
	config_complain(errors, place, "a NUL byte: this is not a text file");
	return false;
}

/* Reads a file and all that it includes. False after complaints. */
static bool read_file(struct config_scan *scan, const struct text_file *includer, const char *name)
{
	struct text_file file = {.includer = includer};
	struct stat status;
	char *bytes = NULL;
	const char *wrong = include_refusal(includer, name);
	bool good = false;

	if (!wrong)
		wrong = read_whole(scan->text, name, &status, &bytes);
	if (!wrong && !config_file_add(scan->text->config, name, &file.source.place))
		wrong = strerror(ENOMEM);
	if (wrong && includer) {
		config_complain(scan->errors, includer->source.place, "cannot include %s: %s", name, wrong);
	} else if (wrong) {
		config_complain(scan->errors, (struct config_place){.name = name}, "%s", wrong);
	} else {
		file.source.next = bytes;
		file.device = status.st_dev;
		file.inode = status.st_ino;
		good = check_characters(&file.source, (size_t)status.st_size, scan->errors) &&
		       append_file(scan, &file);
	}
	free(bytes);
	return good;
}

/* Reads a file and all that it includes, up to CONFIG_TEXT_MAX, and adds their names to the
 * files of *config. False after complaints. Call config_text_free() afterwards. */
bool config_text_read(
	struct config_text *text, const char *path, struct config *config, struct config_errors *errors)
{
	/* Two more newlines for each @include, which is longer itself; one more at the end, and a NUL. */
	const size_t most = CONFIG_TEXT_MAX + 2;
	struct config_scan scan = {.text = text, .errors = errors};
	const unsigned before = errors->errors;

	*text = (struct config_text){.text = malloc(most), .config = config};
	if (!text->text) {
		config_complain_memory(errors, path);
		return false;
	}
	if (!read_file(&scan, NULL, path))
		return false;
	text->text[text->length] = '\0';
	return errors->errors == before;
}

void config_text_free(struct config_text *text)
{
	free(text->places);
	free(text->text);
}
