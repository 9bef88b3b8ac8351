/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Other programs: nft and its like, found by PATH.
 */
#ifndef DOCTOR_RUN_H
#define DOCTOR_RUN_H

#include <sys/types.h>

#define RUN_MISSING 127 /* the exit status of a program that is not there, as in sh */

/* A program that runs, and the files in memory that it writes to. */
struct run {
	pid_t pid;
	int out, errors;
};

int run_start(struct run *run, const char *const arguments[], const char *input);
char *run_read(int file);
void run_kill(const struct run *run);
int run_program(const char *const arguments[], const char *input, char **out, char **errors);

#endif
