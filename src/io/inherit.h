/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Descriptors that outlive the program that opened them, by name: across
 * execve(), and in the service manager's store (sd_pid_notify_with_fds(3)).
 */
#ifndef IO_INHERIT_H
#define IO_INHERIT_H

#include <stdbool.h>

void inherit_init(void);
int inherit_take(const char *name);
int inherit_take_passed(const char *name);
int inherit_take_like(const char *begin, const char **rest);
void inherit_drop(void);
void inherit_close_rest(void);
bool inherit_pass(const char *name, int fd);
void inherit_keep(void);

#endif
