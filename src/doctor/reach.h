/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Whether a packet that comes in from outside reaches the inside, whatever its destination is made before it
 * is routed.
 */
#ifndef DOCTOR_REACH_H
#define DOCTOR_REACH_H

#include "doctor/doctor.h"

bool reach_inside(struct doctor *doctor, const char *interface, struct address to);

#endif
