/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * What the fuzz targets share. A target is one function that is given bytes
 * of any origin; libFuzzer (run fuzz) or replay.c (run replay) calls it. Each
 * checks what must hold, and ends the process where something does not.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Like assert(), in every build, and whatever became of stderr. */
#define EXPECT(condition) ((condition) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #condition))

_Noreturn void fuzz_fail(const char *file, int line, const char *condition);

/* An input that is read like a script, from its beginning. When it is at its
 * end there are only zeros. */
struct script {
	const uint8_t *next, *end;
};

uint8_t script_byte(struct script *script);
uint16_t script_be16(struct script *script);
const uint8_t *script_take(struct script *script, size_t *n);
void script_copy(struct script *script, void *to, size_t n);

#endif
