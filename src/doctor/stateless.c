/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The check that provokes errors about what stateless NAT translates, for which the maps of the inner part
 * are: packets to their public sides.
 */
#include <stdio.h>
#include <string.h>

#include "doctor/judge.h"

#define MAPS_MAX  64 /* of each way; more are like these */
#define WRONG_MAX 5
#define MUTE_MAX  8 /* about which nothing is heard: each of them is waited for */

/* Returns an address within the public side of a map that a host inside may have. */
static struct address host_of(const struct addrmap_entry *entry)
{
	const struct address mask = prefix_host_mask(entry->public.length);
	struct address a = entry->public.base;

	a.lo |= (mask.lo & 20) ? mask.lo & 20 : mask.lo & 2;
	return a;
}

static bool is_for(const struct addrmap_entry *entry, const struct way *way)
{
	return addrmap_holds(entry, ADDRMAP_INNER, way->outside) &&
	       !prefix_equal(entry->private, entry->public) &&
	       address_is_v4(entry->public.base) == address_is_v4(way->client);
}

/* Tells whether an error shows that stateless NAT took part, or does not show that it did not. */
static bool is_translated(const struct sight *sight)
{
	return sight->made && (sight->translated || !sight->left_by || !sight->right_quote);
}

/* What became of the maps of one way. */
struct map_counts {
	unsigned tried, provoked, right, wrong;
};

/* Provokes an error about a packet to the public side of a map. If a rule translates it without connection
 * tracking, says what becomes of it; else it is but another new flow. */
static void try_map(struct way *way, const struct addrmap_entry *entry, struct map_counts *tally)
{
	struct probe probe = {way->client, host_of(entry), 40001, 33434, 1};
	char *about = way->doctor->about, public[CONFIG_PREFIX_TEXT];
	const size_t length = strlen(about);
	struct sight sight;

	tally->tried++;
	prober_send(&way->prober, way->index, &probe, &sight);
	tally->provoked += sight.made;
	if (!is_translated(&sight) || way_goes_elsewhere(way, &sight))
		return;
	if (!judge_ask(way, &probe, &sight))
		tally->wrong++;
	else if (tally->right++ > 0)
		return; /* one of them will do */
	config_prefix_text((struct prefix){probe.destination, 128}, public);
	snprintf(about + length, sizeof(way->doctor->about) - length, "to %s: ", public);
	judge_say(way, &probe, &sight);
	about[length] = '\0';
}

static void check_way_stateless(struct way *way)
{
	const struct config *config = way->doctor->config;
	struct map_counts tally = {.tried = 0};

	if (!way->leads && !way->has_own && !way->numbered)
		return; /* no error could leave this way */
	for (size_t i = 0; i < config->n_entries && tally.tried < MAPS_MAX && tally.wrong < WRONG_MAX &&
			   tally.tried - tally.provoked < MUTE_MAX;
		i++)
		if (is_for(&config->entries[i], way))
			try_map(way, &config->entries[i], &tally);
	if (tally.provoked == 0 && tally.tried > 0)
		doctor_say(way->doctor, DOCTOR_OK, NULL,
			"nothing that comes in for the public side of a map provokes an error");
	else if (tally.right + tally.wrong == 0 && tally.tried > 0)
		doctor_say(way->doctor, DOCTOR_OK, NULL,
			"no rule translates a datagram to the public side of a map without connection "
			"tracking");
}

/* Says what becomes of errors about flows that stateless NAT translates. */
void check_stateless(struct doctor *doctor)
{
	way_go_all(doctor, "a stateless", check_way_stateless);
}
