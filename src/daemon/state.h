/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What one icmpnatd tells the next, which takes over its queues: counters and
 * times, as text in a file that has no name.
 */
#ifndef DAEMON_STATE_H
#define DAEMON_STATE_H

struct daemon;

int state_save(const struct daemon *daemon);
void state_load(struct daemon *daemon, int fd);

#endif
