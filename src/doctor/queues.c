/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The check of the queues that the rules name: whether they are bound, and by us.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "doctor/doctor.h"

/* Says that a queue of ours is another program's. */
static void say_other(struct doctor *doctor, const struct holder *holder)
{
	char mend[DOCTOR_MEND_MAX];

	snprintf(mend, sizeof(mend),
		"editor %s # queue: number = ..., one that nobody holds; then systemctl restart icmpnatd",
		doctor->file);
	doctor_say(doctor, DOCTOR_PROBLEM, mend,
		"queue %u is held by another program (%s, process %u), which gets the errors in place of "
		"icmpnatd",
		holder->queue, holder->name, holder->process);
}

/* Says whether the queues that the rules name are bound, in this network namespace, and by icmpnatd. */
void check_queue(struct doctor *doctor)
{
	const struct config_queue *queue = &doctor->config->queue;
	const int result = holders_read(&doctor->holders);
	unsigned bound = 0, others = 0;

	for (unsigned i = 0; i < queue->workers; i++) {
		const struct holder *holder = holders_find(&doctor->holders, queue->number + i);

		bound += holder ? 1 : 0;
		if (!holder || !holders_is_other(holder))
			continue;
		others++;
		say_other(doctor, holder);
	}
	if (result < 0 && errno != ENOENT)
		doctor_say(doctor, DOCTOR_UNKNOWN, doctor_privileged(doctor),
			"the kernel's list of queues cannot be read: %s", strerror(errno));
	else if (bound == queue->workers && others == 0)
		doctor_say(doctor, DOCTOR_OK, NULL, "all queues are bound");
	else if (bound < queue->workers && doctor->runs) /* else that has been said */
		doctor_say(doctor, DOCTOR_PROBLEM, "systemctl restart icmpnatd",
			"of the %u queues from number %u on, %u are bound in this network namespace",
			queue->workers, queue->number, bound);
}
