/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The answers to the requests of the control socket.
 */
#ifndef REPORT_H
#define REPORT_H

#include "daemon.h"

bool report_answer(void *daemon, struct control_request *request, FILE *out);

#endif
