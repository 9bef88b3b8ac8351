/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The check of what a restart of the firewall does to the capture rules.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "doctor/doctor.h"

#define FIREWALL_FILE "/etc/nftables.conf"
#define UNITS	      "/etc/systemd/system/"

/* Tells whether a file has a line with text in it that is not a comment. */
static bool file_says(const char *path, const char *text)
{
	FILE *file = fopen(path, "re");
	char line[1024];
	bool says = false;

	while (file && !says && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "#")] = '\0';
		says = strstr(line, text);
	}
	if (file)
		fclose(file);
	return says;
}

/* Tells whether what nftables.service loads begins by removing all rules of nft. */
static bool is_wiped(void)
{
	return access(UNITS "sysinit.target.wants/nftables.service", F_OK) == 0 &&
	       file_says(FIREWALL_FILE, "flush ruleset");
}

/* Tells whether the capture rules come back by themselves. */
static bool is_loaded_again(void)
{
	return access(UNITS "icmpnatd.service.wants/icmpnatd-rules.service", F_OK) == 0 ||
	       file_says(FIREWALL_FILE, "icmpnatd");
}

/* Says whether a restart of nftables.service would wipe the capture rules for good, which it does unless the
 * daemon holds them itself, or they are loaded behind the firewall's. The unit that does so loads the kind
 * nft, if nothing else is said. */
void check_reload(struct doctor *doctor)
{
	char mend[DOCTOR_MEND_MAX] = "systemctl enable --now icmpnatd-rules";

	if (!doctor->runs && doctor->config->rules != CONFIG_RULES_EXTERNAL)
		return; /* it may bring its own, and a restart does not wipe those */
	if (!doctor->own_rules && access(FIREWALL_FILE, R_OK) < 0 && errno == EACCES) {
		doctor_say(doctor, DOCTOR_UNKNOWN, doctor->sudo,
			"whether a restart of nftables.service wipes the rules was not looked at: there is "
			"no "
			"permission to read " FIREWALL_FILE);
		return;
	}
	if (doctor->own_rules || !is_wiped() || is_loaded_again()) {
		doctor_say(doctor, DOCTOR_OK, NULL, "no restart of nftables.service wipes the rules");
		return;
	}
	if (doctor->kind != RULES_NFT)
		snprintf(mend, sizeof(mend),
			"d=" UNITS "icmpnatd-rules.service.d; mkdir -p $d && "
			"printf '[Service]\\nEnvironment=KIND=%s\\n' >$d/kind.conf && "
			"systemctl daemon-reload && systemctl enable --now icmpnatd-rules",
			rules_kinds[doctor->kind].name);
	doctor_say(doctor, DOCTOR_PROBLEM, mend,
		FIREWALL_FILE
		" begins with flush ruleset: a restart of nftables.service wipes the capture rules");
}
