/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The check that provokes errors about what stateless NAT translates, for which the maps of the inner part
 * are. What comes in for the public side of each map is watched first, all at once; errors are provoked about
 * what gets another destination.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/judge.h"
#include "doctor/watch.h"

#define WRONG_MAX 5  /* then these are to be mended first */
#define MUTE_MAX  50 /* about which nothing is heard: each of them is waited for */

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

/* The public sides of the maps of one way, and what became of them. */
struct trials {
	struct watched *list;
	size_t n, tried; /* tried: from the first one on */
	size_t translated, right, wrong;
	size_t mute; /* no error was provoked about a datagram .. */
	struct address first_mute;
};

/* Returns the public sides of the maps of a way, on the heap; NULL if there are none. */
static struct watched *list_publics(const struct way *way, size_t *n)
{
	const struct config *config = way->doctor->config;
	struct watched *list = calloc(config->n_entries + 1, sizeof(*list));

	*n = 0;
	for (size_t i = 0; list && i < config->n_entries; i++)
		if (is_for(&config->entries[i], way))
			list[(*n)++].to = host_of(&config->entries[i]);
	return list;
}

/* Tells whether an error shows that stateless NAT took part, or does not show that it did not. */
static bool is_translated(const struct sight *sight)
{
	return sight->translated || !sight->left_by || !sight->right_quote;
}

static void add_mute(struct trials *trials, struct address a)
{
	if (trials->mute++ == 0)
		trials->first_mute = a;
}

/* Provokes an error about what comes in for a public address, and judges it: the first one with each of the
 * clients, others with the next client, for the kernel makes few errors to each about what it has no route
 * for. */
static void try_public(struct way *way, struct address to, struct trials *trials)
{
	struct probe probe = {way->client, to, 40001, 33434, 1};
	char *about = way->doctor->about, public[CONFIG_PREFIX_TEXT];
	const size_t length = strlen(about);
	struct sight sight;

	if (trials->right > 0)
		probe.source.lo += trials->tried % WAY_CLIENTS;
	prober_send(&way->prober, way->index, &probe, &sight);
	if (!sight.made)
		add_mute(trials, to);
	if (!sight.made || !is_translated(&sight) || way_goes_elsewhere(way, &sight))
		return;
	trials->translated++;
	if (trials->right > 0 ? !judge_is_right(way, &sight) : !judge_ask(way, &probe, &sight))
		trials->wrong++;
	else if (trials->right++ > 0)
		return; /* what is said of one of them will do */
	config_prefix_text((struct prefix){to, 128}, public);
	snprintf(about + length, sizeof(way->doctor->about) - length, "to %s: ", public);
	judge_say(way, &probe, &sight);
	about[length] = '\0';
}

/* Tries what rules give another destination, until enough is wrong. */
static void try_publics(struct way *way, struct trials *trials)
{
	size_t waited = 0;

	for (; trials->tried < trials->n && trials->wrong < WRONG_MAX && waited < MUTE_MAX; trials->tried++) {
		const struct watched *one = &trials->list[trials->tried];

		if (!one->is_seen) {
			add_mute(trials, one->to);
		} else if (!address_equal(one->seen, one->to)) {
			const size_t mute = trials->mute;

			try_public(way, one->to, trials);
			waited += trials->mute - mute;
		}
	}
}

/* Says what was not seen, which may be one of many, or all. */
static void say_unseen(const struct way *way, const struct trials *trials)
{
	char first[CONFIG_PREFIX_TEXT];

	if (trials->tried < trials->n)
		doctor_say(way->doctor, DOCTOR_NOTE, NULL,
			"looked at the first %zu of %zu public sides of maps", trials->tried, trials->n);
	if (trials->mute == 0)
		return;
	config_prefix_text((struct prefix){trials->first_mute, 128}, first);
	doctor_say(way->doctor, trials->mute < trials->tried ? DOCTOR_NOTE : DOCTOR_UNKNOWN, NULL,
		"nothing that comes in for %zu of %zu public sides of maps (%s is the first) provokes an "
		"error about %s flow: not looked at",
		trials->mute, trials->tried, first, way->flow);
}

static void check_way_stateless(struct way *way)
{
	struct trials trials = {.n = 0};

	if (!way->leads && !way->has_own && !way->numbered)
		return; /* no error could leave this way */
	trials.list = list_publics(way, &trials.n);
	if (trials.n > 0 && !watch_send(&way->prober, way->index, WATCH_ROUTING, trials.list, trials.n)) {
		doctor_say(way->doctor, DOCTOR_UNKNOWN, NULL,
			"nft cannot tell where rules lead what comes in for the public sides of maps: not "
			"looked at");
	} else if (trials.n > 0) {
		try_publics(way, &trials);
		say_unseen(way, &trials);
		if (trials.translated == 0 && trials.mute < trials.tried)
			doctor_say(way->doctor, DOCTOR_OK, NULL,
				"no rule translates a datagram to the public side of a map without "
				"connection tracking");
	}
	free(trials.list);
}

/* Says what becomes of errors about flows that stateless NAT translates. */
void check_stateless(struct doctor *doctor)
{
	way_go_all(doctor, "a stateless", check_way_stateless);
}
