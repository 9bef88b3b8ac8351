/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * dlopen(), with every function found or none.
 */
#include "io/library.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static char reason[256];

/* Loads a library and writes the addresses of its functions to a struct of pointers, in the order of names,
 * which ends with NULL. Returns a handle for library_close(), or NULL: library_error() says why. */
void *library_open(const char *file, const char *const names[], void *pointers)
{
	void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL), *function = library;

	for (size_t i = 0; function && names[i]; i++) {
		function = dlsym(library, names[i]);
		memcpy((char *)pointers + i * sizeof(function), &function, sizeof(function));
	}
	if (function)
		return library;
	snprintf(reason, sizeof(reason), "%s: install it", dlerror());
	if (library)
		dlclose(library);
	return NULL;
}

/* Returns what went wrong last, a line that names the library. */
const char *library_error(void)
{
	return reason;
}

/* Unloads a library, whose functions must not be called any more. */
void library_close(void *library)
{
	dlclose(library);
}
