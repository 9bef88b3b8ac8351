/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The notify protocol of systemd (sd_notify(3)): one datagram per message.
 */
#ifndef IO_NOTIFY_H
#define IO_NOTIFY_H

#include <stdint.h>

__attribute__((format(printf, 1, 2))) void notify_send(const char *format, ...);
void notify_reloading(void);
uint64_t notify_watchdog_interval(void);

#endif
