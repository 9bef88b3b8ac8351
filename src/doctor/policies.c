/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The check of IPsec policies, which the twin has none of: it would need the keys.
 */
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/doctor.h"
#include "io/ipsec.h"

#define PRIVATE_BITS_V4 (96 + 8) /* of the shortest private prefix .. */
#define PRIVATE_BITS_V6 7	 /* .. fc00::/7 */

/* Tells whether a prefix has public addresses. */
static bool has_public(struct prefix p)
{
	struct address last = p.base;

	if (p.length < (address_is_v4(p.base) ? PRIVATE_BITS_V4 : PRIVATE_BITS_V6))
		return true;
	if (p.length < 64)
		last = (struct address){last.hi | UINT64_MAX >> p.length, UINT64_MAX};
	else if (p.length < 128)
		last.lo |= UINT64_MAX >> (p.length - 64);
	return !address_is_private(p.base) || !address_is_private(last);
}

/* Tells whether a policy may concern errors that leave by an outside interface. */
static bool concerns_outside(const struct config *config, const struct ipsec_policy *policy)
{
	if (!has_public(policy->to))
		return false;
	for (size_t i = 0; i < config->n_outside; i++)
		if (!policy->interface || policy->interface == if_nametoindex(config->outside[i].name))
			return true;
	return false;
}

/* Says whether IPsec protects or blocks errors to public addresses, so that another thing becomes of them
 * than the twin shows. */
void check_ipsec(struct doctor *doctor)
{
	struct ipsec_policy *policies;
	char to[CONFIG_PREFIX_TEXT];
	size_t n, i = 0;

	if (ipsec_read(&policies, &n) < 0) {
		doctor_say(doctor, DOCTOR_UNKNOWN, doctor_privileged(doctor),
			"IPsec policies cannot be read: %s", strerror(errno));
		free(policies);
		return;
	}
	while (i < n && !concerns_outside(doctor->config, &policies[i]))
		i++;
	if (i < n) {
		config_prefix_text(policies[i].to, to);
		doctor_say(doctor, DOCTOR_UNKNOWN, "ip xfrm policy list dir out",
			"an IPsec policy is for what leaves to %s: whether errors to there are encrypted, or "
			"blocked, was not looked at",
			to);
	} else {
		doctor_say(doctor, DOCTOR_OK, NULL, "no IPsec policy is for errors to public addresses");
	}
	free(policies);
}
