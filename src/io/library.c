/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dlopen(), with every function found or none.
 */
#include "io/library.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

/* Loads a library, and writes the addresses of the functions, whose names end
 * with NULL, to a struct of as many pointers. Returns a handle for
 * library_close(), or NULL: library_error() says why. */
void *library_open(const char *file, const char *const names[], void *pointers)
{
	void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL), *function;

	for (size_t i = 0; library && names[i]; i++) {
		function = dlsym(library, names[i]);
		if (!function)
			return NULL;
		memcpy((char *)pointers + i * sizeof(function), &function, sizeof(function));
	}
	return library;
}

/* What went wrong last, which names the library. */
const char *library_error(void)
{
	return dlerror();
}

/* Its functions must not be called any more. */
void library_close(void *library)
{
	dlclose(library);
}
