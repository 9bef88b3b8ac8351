/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Shared libraries that only some runs need: they are loaded when they are needed,
 * with all that they need in turn, not into every daemon. A list of
 * functions, F(name) of each, makes the table of pointers and that of names:
 *
 *	struct pcap { PCAP_FUNCTIONS(LIBRARY_POINTER) };
 *	static const char *const names[] = {PCAP_FUNCTIONS(LIBRARY_NAME) NULL};
 */
#ifndef IO_LIBRARY_H
#define IO_LIBRARY_H

#include <stdint.h>

#define LIBRARY_POINTER(name) __typeof__(name) *name;
#define LIBRARY_NAME(name)    #name,

/* Notes in the program that it loads a library, for packagers' tools, which cannot see it otherwise: strings,
 * as in systemd's ELF_DLOPEN_METADATA. To be used once in a file. */
#define LIBRARY_NOTE(file, feature, description, priority)                                                   \
	LIBRARY_NOTE_OF("[{\"soname\":[\"" file "\"],\"feature\":\"" feature                                 \
			"\",\"description\":\"" description "\",\"priority\":\"" priority "\"}]")
#define LIBRARY_NOTE_OF(text)                                                                                \
	__attribute__((used, section(".note.dlopen"), aligned(4))) static const struct {                     \
		uint32_t owner_size, text_size, type;                                                        \
		char owner[4];                                                                               \
		char json[sizeof(text)] __attribute__((aligned(4)));                                         \
	} library_note = {4, sizeof(text), 0x407c0c0a, "FDO", text};

void *library_open(const char *file, const char *const names[], void *pointers);
const char *library_error(void);
void library_close(void *library);

#endif
