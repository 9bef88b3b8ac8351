/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Addresses, routes and policy rules of the host are copied to its twin.
 */
#ifndef DOCTOR_ROUTE_COPY_H
#define DOCTOR_ROUTE_COPY_H

#include "doctor/twin.h"

#define ROUTE_OBJECT_MAX 80

/* What the twin did not take. */
struct route_refusals {
	unsigned n;
	int error;		      /* errno of the first one .. */
	char first[ROUTE_OBJECT_MAX]; /* .. and what it is */
};

int route_copy(struct mnl_socket *from, const struct twin *twin, struct route_refusals *refused);

#endif
