/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files of a configuration: opened, read whole, put together into one text,
 * and which line of it came from where. libconfig never opens a file itself: it
 * ends the process over one that it cannot read.
 */
#include "config/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/file.h"
#include "config/scan.h"

#define FILES_MAX   1000
#define INCLUDE_MAX 10 /* files that are open at the same time */
#define TOO_LONG                                                                                             \
	"the configuration has more than 64 KiB: move its maps into a table, one map on a line, "            \
	"and name that by maps_file (see icmpnatd.conf(5))"

/* A file that is being read; those that led to it wait. */
struct text_file {
	const struct text_file *includer; /* NULL: it is the one that was asked for */
	struct config_source source;
	dev_t device;
	ino_t inode;
};

/* Notes that what follows in the text comes from this place on. */
static bool add_span(struct config_text *text, struct config_place place)
{
	struct config_span *spans = realloc(text->spans, (text->n_spans + 1) * sizeof(*spans));

	if (!spans)
		return false;
	spans[text->n_spans++] = (struct config_span){text->line, place.line, place.file};
	text->spans = spans;
	return true;
}

/* Adds a copy of a name to the list of files and makes *place the first line of that
 * file. False if memory runs out. */
bool config_text_add_file(struct config_text *text, const char *name, struct config_place *place)
{
	char **files = realloc(text->files, (text->n_files + 1) * sizeof(*files));

	if (!files)
		return false;
	text->files = files;
	files[text->n_files] = strdup(name);
	if (!files[text->n_files])
		return false;
	*place = (struct config_place){files[text->n_files], (uint16_t)text->n_files, 1};
	text->n_files++;
	return true;
}

/* Reads size bytes, which must be all that the file has. Returns NULL or what is wrong. */
static const char *read_bytes(int descriptor, char *bytes, size_t size)
{
	size_t length = 0;

	while (length <= size) {
		const ssize_t n = read(descriptor, bytes + length, size + 1 - length);

		if (n < 0 && errno != EINTR)
			return strerror(errno);
		if (n == 0)
			break;
		if (n > 0)
			length += (size_t)n;
	}
	return length == size ? NULL : "it changed while it was read";
}

/* Reads a whole file into heap memory, *bytes, if the text has room for it. Returns NULL
 * or what is wrong; free *bytes in any case. */
static const char *read_whole(struct config_text *text, const char *name, struct stat *status, char **bytes)
{
	const char *wrong;
	const int descriptor = config_file_open(name, status, &wrong);

	*bytes = NULL;
	if (descriptor < 0)
		return wrong;
	if ((uint64_t)status->st_size > CONFIG_TEXT_MAX - text->size)
		wrong = TOO_LONG;
	else if (!(*bytes = malloc((size_t)status->st_size + 1)))
		wrong = strerror(ENOMEM);
	else
		wrong = read_bytes(descriptor, *bytes, (size_t)status->st_size);
	if (!wrong)
		text->size += (size_t)status->st_size;
	close(descriptor);
	return wrong;
}

/* Complains about a NUL byte, at which libconfig would stop. True if there is none. */
static bool check_characters(const struct config_source *source, struct config_errors *errors)
{
	const char *nul = memchr(source->next, '\0', (size_t)(source->end - source->next));
	struct config_place place = source->place;

	if (!nul)
		return true;
	for (const char *p = source->next; p < nul; p++)
		place.line += *p == '\n';
	config_complain(errors, place, "a NUL byte: this is not a text file");
	return false;
}

/* Says why a file may not be included at this point; NULL if it may. */
static const char *include_refusal(
	const struct config_text *text, const struct text_file *includer, const char *path)
{
	struct stat status;
	unsigned depth = 1;

	if (text->n_files == FILES_MAX)
		return "too many files";
	if (stat(path, &status) < 0)
		return NULL; /* read_whole() says why */
	for (; includer; includer = includer->includer, depth++)
		if (includer->device == status.st_dev && includer->inode == status.st_ino)
			return "it includes itself";
	return depth > INCLUDE_MAX ? "files are included too deeply" : NULL;
}

/* Says why a file cannot be used: where it is included, or of the file itself. */
static bool complain_file(
	struct config_errors *errors, const struct text_file *includer, const char *name, const char *wrong)
{
	if (includer)
		config_complain(errors, includer->source.place, "cannot include %s: %s", name, wrong);
	else
		config_complain(errors, (struct config_place){.name = name}, "%s", wrong);
	return false;
}

static bool read_file(struct config_scan *scan, const struct text_file *includer, const char *name);

/* Puts the file that an @include names into the text; then that of the includer goes on. */
static bool include(struct config_scan *scan, const struct text_file *includer)
{
	const struct config_source *source = &includer->source;
	char *name = strndup(source->include, source->include_length);
	char *path = name ? config_file_beside(source->place.name, name) : NULL;
	bool memory = path, good = memory && read_file(scan, includer, path);

	free(name);
	free(path);
	if (good)
		memory = good = add_span(scan->text, source->place);
	if (!memory)
		config_complain_memory(scan->errors, source->place.name);
	return good;
}

/* Puts a file that has been read into the text, on lines of its own. */
static bool append(struct config_scan *scan, struct text_file *file)
{
	enum config_scanned scanned;

	if (file->includer)
		config_scan_end_line(scan);
	if (!add_span(scan->text, file->source.place)) {
		config_complain_memory(scan->errors, file->source.place.name);
		return false;
	}
	if (!check_characters(&file->source, scan->errors))
		return false;
	while ((scanned = config_scan(scan, &file->source)) == CONFIG_SCANNED_INCLUDE)
		if (!include(scan, file))
			return false;
	config_scan_end_line(scan);
	return scanned == CONFIG_SCANNED_ALL;
}

/* Reads a file and all that it includes. False after complaints. */
static bool read_file(struct config_scan *scan, const struct text_file *includer, const char *name)
{
	struct text_file file = {.includer = includer, .source.depth = scan->depth};
	struct stat status;
	char *bytes = NULL;
	const char *wrong = include_refusal(scan->text, includer, name);
	bool good;

	if (!wrong)
		wrong = read_whole(scan->text, name, &status, &bytes);
	if (!wrong && !config_text_add_file(scan->text, name, &file.source.place))
		wrong = strerror(ENOMEM);
	if (wrong) {
		good = complain_file(scan->errors, includer, name, wrong);
	} else {
		file.source.next = bytes;
		file.source.end = bytes + status.st_size;
		file.device = status.st_dev;
		file.inode = status.st_ino;
		good = append(scan, &file);
	}
	free(bytes);
	return good;
}

/* Reads a file and all that it includes, up to CONFIG_TEXT_MAX. False after complaints;
 * the list of files is good in any case. Call config_text_free() afterwards. */
bool config_text_read(struct config_text *text, const char *path, struct config_errors *errors)
{
	struct config_scan scan = {.text = text, .errors = errors};
	const unsigned before = errors->errors;

	/* An @include is longer than the two newlines around what it includes. */
	*text = (struct config_text){.line = 1, .text = malloc(CONFIG_TEXT_MAX + 2)};
	if (!text->text) {
		config_complain_memory(errors, path);
		return false;
	}
	if (!read_file(&scan, NULL, path))
		return false;
	text->text[text->length] = '\0';
	return errors->errors == before;
}

/* Returns where a line of the text, counted from 1, was written. */
struct config_place config_text_place(const struct config_text *text, unsigned line)
{
	const struct config_span *span = text->spans;

	for (size_t n = text->n_spans; n > 1;) {
		const size_t half = n / 2;

		if (span[half].text_line <= line)
			span += half;
		n -= half;
	}
	return (struct config_place){
		text->files[span->file], span->file, span->file_line + line - span->text_line};
}

void config_text_free(struct config_text *text)
{
	for (size_t i = 0; i < text->n_files; i++)
		free(text->files[i]);
	free(text->files);
	free(text->spans);
	free(text->text);
}
