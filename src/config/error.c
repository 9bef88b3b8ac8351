/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Every mistake of a configuration passes through here: one line each, the first ones in full and the rest
 * as a number, so that a file of the wrong kind does not bury the one who asked.
 */
#include "config/error.h"

#include <stdarg.h>

#include "core/utf8.h"

const char config_no_memory[] = "out of memory: raise the limit, or list fewer maps";
const char config_changed[] = "it changed while it was read: try again";

/* Prints what a file says, without what a terminal would act on. */
static void print_visible(FILE *out, const char *text)
{
	for (size_t length; *text;) {
		const char *shown = utf8_visible(&text, &length);

		fwrite(shown, 1, length, out);
	}
}

/* Writes "file:line: KIND text". */
__attribute__((format(printf, 4, 0))) static void print_line(
	FILE *out, struct config_place place, const char *kind, const char *format, va_list arguments)
{
	char text[CONFIG_ERROR_TEXT];

	print_visible(out, place.name);
	if (place.line > 0)
		fprintf(out, ":%u", place.line);
	fprintf(out, ": %s", kind);
	vsnprintf(text, sizeof(text), format, arguments);
	print_visible(out, text);
	fputc('\n', out);
}

/* Reports a mistake at a place, in the form of printf(): the configuration will not be used. */
void config_complain(struct config_errors *errors, struct config_place place, const char *format, ...)
{
	va_list arguments;

	if (errors->errors++ >= CONFIG_ERRORS_MAX || !errors->out)
		return;
	va_start(arguments, format);
	print_line(errors->out, place, "", format, arguments);
	va_end(arguments);
}

/* Warns of something at a place that is allowed, but may surprise. */
void config_warn(struct config_errors *errors, struct config_place place, const char *format, ...)
{
	va_list arguments;

	if (errors->warnings++ >= CONFIG_WARNINGS_MAX || !errors->out)
		return;
	va_start(arguments, format);
	print_line(errors->out, place, "warning: ", format, arguments);
	va_end(arguments);
}

/* Reports that there was no memory to read a file. */
void config_complain_memory(struct config_errors *errors, const char *file)
{
	config_note_passing(errors, config_no_memory);
	config_complain(errors, (struct config_place){.name = file}, "%s", config_no_memory);
}

/* Notes whether a reason why a file cannot be read may be gone at the next attempt. */
void config_note_passing(struct config_errors *errors, const char *wrong)
{
	errors->passing |= wrong == config_no_memory || wrong == config_changed;
}

/* Prints how many mistakes and warnings were counted, but not printed. To be called
 * once, when everything is read. */
void config_errors_end(const struct config_errors *errors)
{
	if (!errors->out)
		return;
	if (errors->warnings > CONFIG_WARNINGS_MAX)
		fprintf(errors->out, "and %u more warnings\n", errors->warnings - CONFIG_WARNINGS_MAX);
	if (errors->errors > CONFIG_ERRORS_MAX)
		fprintf(errors->out, "and %u more mistakes\n", errors->errors - CONFIG_ERRORS_MAX);
}
