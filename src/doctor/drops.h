/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The chains of the packet filter that drop an error, and what lets it pass.
 */
#ifndef DOCTOR_DROPS_H
#define DOCTOR_DROPS_H

#include "doctor/way.h"

unsigned drops_find(struct way *way, const struct probe *probe, struct sight *sight);

#endif
