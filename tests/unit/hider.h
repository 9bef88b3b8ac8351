/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Makes up ICMP errors with addresses wherever a header has a place for one: in options and routing headers,
 * in tunnels, in extensions. Nothing is said of what must become of them. Shares no code with src/.
 */
#ifndef TESTS_HIDER_H
#define TESTS_HIDER_H

#include "oracle.h"

size_t hider_build(uint8_t bytes[GENERATOR_ROOM], const struct world *world);

#endif
