/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Capabilities, by libcap-ng.
 */
#include "io/privilege.h"

#include <cap-ng.h>
#include <errno.h>
#include <sys/prctl.h>

/* Without the bounding set: who may still give that up has CAP_SETPCAP in these. */
static const capng_type_t sets[] = {CAPNG_EFFECTIVE, CAPNG_PERMITTED, CAPNG_INHERITABLE, CAPNG_AMBIENT};

/* Tells whether the process has the capability that the packet path needs. */
bool privilege_suffices(void)
{
	return capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN);
}

/* Tells whether there is nothing to give up, because a service manager has done so. */
static bool is_shed(void)
{
	for (unsigned c = 0; c <= CAP_LAST_CAP; c++)
		for (unsigned set = 0; set < sizeof(sets) / sizeof(sets[0]); set++)
			if (capng_have_capability(sets[set], c) != (c == CAP_NET_ADMIN))
				return false;
	return true;
}

/* Gives up every capability but CAP_NET_ADMIN, for good, and the right to gain any by execve(), which keeps
 * CAP_NET_ADMIN. Must be called before threads start. Returns 0, or -1 with errno. */
int privilege_shed(void)
{
	capng_select_t what = CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	if (is_shed())
		return 0;
	/* Takes CAP_SETPCAP. Without it the bounding set stays, from which execve() can gain nothing now. */
	if (capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP))
		what |= CAPNG_SELECT_BOUNDS;
	capng_clear(what);
	if (capng_update(CAPNG_ADD,
		    CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_INHERITABLE | CAPNG_BOUNDING_SET |
			    CAPNG_AMBIENT,
		    CAP_NET_ADMIN) == 0 &&
		capng_apply(what) == 0)
		return 0;
	errno = EPERM;
	return -1;
}
