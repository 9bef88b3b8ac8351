/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The notify protocol of systemd (sd_notify(3)): one datagram per message.
 */
#ifndef IO_NOTIFY_H
#define IO_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

__attribute__((format(printf, 1, 2))) void notify_send(const char *format, ...);
bool notify_is_heard(void);
void notify_store(const char *name, int fd);
void notify_forget(const char *name);
void notify_reloading(void);
uint64_t notify_watchdog_interval(void);

#endif
