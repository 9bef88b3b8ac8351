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

#define LIBRARY_POINTER(name) __typeof__(name) *name;
#define LIBRARY_NAME(name)    #name,

void *library_open(const char *file, const char *const names[], void *pointers);
const char *library_error(void);
void library_close(void *library);

#endif
