/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Packets into the twin, and what becomes of the errors about them: each is
 * queued, decided about as the daemon would, and seen when it leaves.
 */
#ifndef DOCTOR_PROBE_H
#define DOCTOR_PROBE_H

#include "doctor/holders.h"
#include "doctor/twin.h"
#include "engine/worker.h"
#include "io/host_counters.h"

#define PROBER_OTHERS_MAX 16

struct prober {
	const struct twin *twin;
	struct host_counters counters; /* of the twin's kernel */
	_Atomic(struct policy *) policy;
	struct worker worker; /* has no thread */
	unsigned vrf;	      /* in which the outside interface is, or which it is; 0: none */
	unsigned port;	      /* of that VRF, by which probes come in */
	struct queue others[PROBER_OTHERS_MAX]; /* those that another program holds on the host */
	size_t n_others;
};

struct probe {
	struct address source, destination;
	uint16_t source_port, destination_port;
	uint8_t hops;
};

/* What was seen of the error about one probe. */
struct sight {
	bool made; /* even if it was dropped at once */
	bool queued;
	bool translated;    /* .. quoting another destination than the probe's, as of stateless NAT */
	unsigned meant_for; /* interface by which it was to leave: when it was queued, else the probe's */
	unsigned left_by;   /* 0: it did not leave */
	struct icmp_error error; /* as it left */
	bool right_quote;	 /* its inner packet is the probe */
	unsigned quoted_port;	 /* the destination's; 0: it is not quoted */
};

int prober_open(
	struct prober *prober, struct config *config, const struct twin *twin, const struct holders *holders);
void prober_close(struct prober *prober);
void prober_write(struct prober *prober, unsigned interface, const struct probe *probe);
void prober_send(struct prober *prober, unsigned interface, const struct probe *probe, struct sight *sight);
bool prober_be_opened(struct prober *prober, struct address client, const struct address *from,
	struct probe *answer, unsigned *interface);

#endif
