/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * VRFs are made, with their ports.
 */
#ifndef DOCTOR_VRF_H
#define DOCTOR_VRF_H

#include <stdint.h>

struct mnl_socket;

int vrf_make(struct mnl_socket *socket, const char *name, uint32_t table);
int vrf_add_port(struct mnl_socket *socket, unsigned interface, unsigned vrf);

#endif
