/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connection tracking: the tuples of the flow that a packet belongs to, asked
 * for by ctnetlink or read from an entry that the kernel attached. Read only.
 */
#ifndef IO_FLOW_H
#define IO_FLOW_H

#include <stdbool.h>

#include "core/flow.h"

struct nlattr;
struct flow_socket;

enum flow_answer { FLOW_FOUND, FLOW_NOT_FOUND, FLOW_FAILED };

struct flow_socket *flow_open(void);
void flow_close(struct flow_socket *flows);
enum flow_answer flow_lookup(struct flow_socket *flows, const struct flow_tuple *seen, struct flow *flow);
bool flow_read_attached(const struct nlattr *attached, struct flow *flow);
int flow_probe(struct flow_socket *flows);

#endif
