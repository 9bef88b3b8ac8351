/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files of a configuration: opened, read whole, put together into one text,
 * and which line of it came from where. libconfig never opens a file itself: it
 * ends the process over one that it cannot read.
 */
#include "config/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/scan.h"

#define TEXT_MAX    (256 << 20) /* bytes, of all files together */
#define FILES_MAX   1000
#define INCLUDE_MAX 10 /* files that are open at the same time */

static bool resize(struct config_string *string, size_t size)
{
	char *text = realloc(string->text, size);

	if (text)
		string->text = text;
	return text;
}

/* Makes room for size more bytes, wherever they belong. */
static bool reserve(struct config_text *text, size_t size)
{
	text->size += size;
	return resize(&text->rest, text->size + 1) &&
	       resize(&text->maps, text->size + (text->size / CONFIG_PIECE_SIZE + 1) * CONFIG_PIECE_FRAME);
}

/* What follows in the text comes from this place on. */
static bool add_span(struct config_text *text, struct config_place place)
{
	struct config_span *spans = realloc(text->spans, (text->n_spans + 1) * sizeof(*spans));

	if (!spans)
		return false;
	spans[text->n_spans++] = (struct config_span){text->line, place.line, place.file};
	text->spans = spans;
	return true;
}

/* Adds a copy of a name to the list of files; *place is then its first line. */
static bool add_file(struct config_text *text, const char *name, struct config_place *place)
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

/* Why a file is not one that can be read as a text, or NULL. */
static const char *refusal(const struct config_text *text, const struct stat *status)
{
	if (S_ISDIR(status->st_mode))
		return "it is a directory";
	if (!S_ISREG(status->st_mode))
		return "it is not a regular file";
	if (status->st_size > TEXT_MAX || text->size + (uint64_t)status->st_size > TEXT_MAX)
		return "more than 256 MiB of configuration";
	return NULL;
}

/* Reads what the file had when it was asked for its size, and its end. */
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

/* Reads a whole file into memory of its own, *bytes. A FIFO or a device is not
 * even opened. Returns NULL or what is wrong. */
static const char *slurp(const struct config_text *text, const char *name, struct stat *status, char **bytes)
{
	const char *wrong;
	int descriptor;

	*bytes = NULL;
	if (stat(name, status) < 0)
		return strerror(errno);
	if ((wrong = refusal(text, status)))
		return wrong;
	descriptor = open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (descriptor < 0)
		return strerror(errno);
	if (fstat(descriptor, status) < 0)
		wrong = strerror(errno);
	else if (!(wrong = refusal(text, status)) && !(*bytes = malloc((size_t)status->st_size + 1)))
		wrong = strerror(ENOMEM);
	else if (!wrong)
		wrong = read_bytes(descriptor, *bytes, (size_t)status->st_size);
	close(descriptor);
	return wrong;
}

/* Whether all bytes are characters: libconfig would stop at a NUL. */
static bool check_characters(struct config_scan *scan, const struct config_source *source)
{
	const char *nul = memchr(source->next, '\0', (size_t)(source->end - source->next));
	struct config_place place = source->place;

	if (!nul)
		return true;
	for (const char *p = source->next; p < nul; p++)
		place.line += *p == '\n';
	config_complain(scan->errors, place, "a NUL byte: this is not a text file");
	return false;
}

static bool complain_memory(struct config_scan *scan, struct config_place place)
{
	config_complain_memory(scan->errors, place.name);
	return false;
}

/* Puts a file that has been read into the text, on lines of its own. */
static bool append(struct config_scan *scan, struct config_source *source)
{
	struct config_text *text = scan->text;

	if (!reserve(text, (size_t)(source->end - source->next) + 2))
		return complain_memory(scan, source->place);
	if (source->includer)
		config_scan_end_line(scan);
	if (!add_span(text, source->place))
		return complain_memory(scan, source->place);
	if (!check_characters(scan, source) || !config_scan(scan, source))
		return false;
	config_scan_end_line(scan);
	return true;
}

/* Why a file may not be included at this point, or NULL. */
static const char *include_refusal(
	const struct config_scan *scan, const struct config_source *includer, const char *path)
{
	struct stat status;
	unsigned depth = 1;

	if (scan->text->n_files == FILES_MAX)
		return "too many files";
	if (stat(path, &status) < 0)
		return NULL; /* read_file() says why */
	for (; includer; includer = includer->includer, depth++)
		if (includer->device == status.st_dev && includer->inode == status.st_ino)
			return "it includes itself";
	return depth > INCLUDE_MAX ? "files are included too deeply" : NULL;
}

/* Why a file cannot be used: said where it is included, or of itself. */
static bool complain_file(
	struct config_scan *scan, const struct config_source *includer, const char *name, const char *wrong)
{
	if (includer)
		config_complain(scan->errors, includer->place, "cannot include %s: %s", name, wrong);
	else
		config_complain(scan->errors, (struct config_place){.name = name}, "%s", wrong);
	return false;
}

/* Reads a file and all that it includes. */
static bool read_file(struct config_scan *scan, const struct config_source *includer, const char *name)
{
	struct config_source source = {.includer = includer};
	struct stat status;
	char *bytes = NULL;
	const char *wrong = include_refusal(scan, includer, name);
	bool good;

	if (!wrong)
		wrong = slurp(scan->text, name, &status, &bytes);
	if (!wrong && !add_file(scan->text, name, &source.place))
		wrong = strerror(ENOMEM);
	if (wrong) {
		good = complain_file(scan, includer, name, wrong);
	} else {
		source.next = bytes;
		source.end = bytes + status.st_size;
		source.device = status.st_dev;
		source.inode = status.st_ino;
		good = append(scan, &source);
	}
	free(bytes);
	return good;
}

/* For config_scan(): includes a file, named as in the text of its includer and
 * found from its directory, and returns to the includer's line after it. */
bool config_text_include(struct config_scan *scan, const struct config_source *includer, const char *name)
{
	const char *own = includer->place.name, *slash = strrchr(own, '/');
	const size_t directory = slash && *name != '/' ? (size_t)(slash + 1 - own) : 0;
	const size_t size = directory + strlen(name) + 1;
	char *path = malloc(size);
	bool good;

	if (!path)
		return complain_memory(scan, includer->place);
	snprintf(path, size, "%.*s%s", (int)directory, own, name);
	good = read_file(scan, includer, path);
	free(path);
	if (good && !add_span(scan->text, includer->place))
		return complain_memory(scan, includer->place);
	return good;
}

/* Reads a file and all that it includes, up to 256 MiB. False after complaints;
 * the list of files is good in any case. config_text_free() afterwards. */
bool config_text_read(struct config_text *text, const char *path, struct config_errors *errors)
{
	struct config_scan scan = {.text = text, .errors = errors};
	const unsigned before = errors->errors;

	*text = (struct config_text){.line = 1};
	if (!read_file(&scan, NULL, path))
		return false;
	text->rest.text[text->rest.length] = '\0';
	return errors->errors == before;
}

/* Where a line of the text, counted from 1, was written. */
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
	free(text->pieces);
	free(text->maps.text);
	free(text->rest.text);
}
