/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Settings below /proc/sys/net are copied from the host to its twin.
 */
#ifndef DOCTOR_SYSCTL_H
#define DOCTOR_SYSCTL_H

#include "doctor/twin.h"

#define SYSCTL_NAME_MAX 128

/* Settings that the twin should have, and does not. */
struct sysctl_refusals {
	unsigned n;
	int error;		    /* errno of the first one */
	char name[SYSCTL_NAME_MAX]; /* of the first one, as net.ipv4.ip_forward */
};

void sysctl_copy(const struct twin *twin, struct sysctl_refusals *refused);

#endif
