/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * What must hold for an error that a probe provokes.
 */
#ifndef DOCTOR_JUDGE_H
#define DOCTOR_JUDGE_H

#include "doctor/way.h"

bool judge_is_right(const struct way *way, const struct sight *sight);
bool judge_ask(struct way *way, struct probe *probe, struct sight *sight);
void judge_say(struct way *way, const struct probe *probe, struct sight *sight);

#endif
