/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Where the twin leads datagrams that come in, many of them at once, before they can provoke anything.
 */
#ifndef DOCTOR_WATCH_H
#define DOCTOR_WATCH_H

#include "doctor/probe.h"

/* A datagram: the address it is sent to, and the one it has at the place that is watched. */
struct watched {
	struct address to, seen;
	bool is_seen; /* it came there */
};

enum watch_place {
	WATCH_ROUTING, /* where its route is looked for: rules have given it the destination that it keeps */
	WATCH_INSIDE   /* this host, or the way to an interface that is not outside */
};

bool watch_send(
	struct prober *prober, unsigned interface, enum watch_place place, struct watched *list, size_t n);

#endif
