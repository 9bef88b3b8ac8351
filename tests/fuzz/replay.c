/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Gives files to a fuzz target, one by one, without libFuzzer: any compiler
 * will do. Names the file that is being read when the target ends the process.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fuzz.h"

static const char *current; /* the file under way, or NULL */

/* A call of exit() may not pass for success. */
static void name_current(void)
{
	if (!current)
		return;
	dprintf(STDERR_FILENO, "the target ended the process at %s\n", current);
	_exit(1);
}

static void name_at_signal(int signal)
{
	(void)signal;
	name_current();
}

/* The whole file in memory of exactly its size; NULL after a message. */
static uint8_t *read_file(const char *name, size_t *size)
{
	FILE *file = fopen(name, "rb");
	uint8_t *bytes = NULL;
	long length;

	if (file && fseek(file, 0, SEEK_END) == 0 && (length = ftell(file)) >= 0) {
		rewind(file);
		*size = (size_t)length;
		bytes = malloc(*size ? *size : 1);
		if (bytes && fread(bytes, 1, *size, file) != *size) {
			free(bytes);
			bytes = NULL;
		}
	}
	if (file)
		fclose(file);
	if (!bytes)
		perror(name);
	return bytes;
}

static bool replay(const char *name)
{
	size_t size;
	uint8_t *bytes = read_file(name, &size);

	if (!bytes)
		return false;
	current = name;
	LLVMFuzzerTestOneInput(bytes, size);
	current = NULL;
	free(bytes);
	return true;
}

int main(int argc, char *argv[])
{
	atexit(name_current);
	signal(SIGABRT, name_at_signal);
	for (int i = 1; i < argc; i++)
		if (!replay(argv[i]))
			return 1;
	return 0;
}
