/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The answers to the requests of the control socket.
 */
#ifndef DAEMON_ANSWER_H
#define DAEMON_ANSWER_H

#include "daemon/daemon.h"

bool answer_request(void *daemon, struct control_request *request, FILE *out);

#endif
