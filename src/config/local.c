/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * What the maps make of this host's own addresses, which are the usual source
 * of its errors. Advice only: addresses come and go after the file is read.
 */
#include <ifaddrs.h>
#include <stdlib.h>

#include "config/map.h"

static int compare(const void *a, const void *b)
{
	return address_compare(*(const struct address *)a, *(const struct address *)b);
}

/* Returns the addresses of this host, sorted, in heap memory. NULL and 0 if they cannot be had. */
static struct address *read_local(size_t *n_local)
{
	struct ifaddrs *list;
	struct address *local;
	size_t n = 0;

	*n_local = 0;
	if (getifaddrs(&list) < 0)
		return NULL;
	for (const struct ifaddrs *i = list; i; i = i->ifa_next)
		n++;
	local = calloc(n + 1, sizeof(*local));
	for (const struct ifaddrs *i = list; i && local; i = i->ifa_next)
		*n_local += address_from_socket(&local[*n_local], i->ifa_addr);
	freeifaddrs(list);
	if (local)
		qsort(local, *n_local, sizeof(*local), compare);
	return local;
}

/* Warns if an interface turns an address of this host into one that this host does not have. Interfaces with
 * the same map are warned of once. */
static void check_address(const struct config *config, const struct address *local, size_t n_local,
	struct address private, struct config_errors *errors)
{
	uint32_t last = ADDRMAP_NONE;

	for (size_t i = 0; i < config->n_outside; i++) {
		const uint32_t map = addrmap_find(&config->outside[i].maps[ADDRMAP_OUTER], private);
		char text[CONFIG_PREFIX_TEXT], public_text[CONFIG_PREFIX_TEXT];
		struct address public;

		if (map == ADDRMAP_NONE || map == last)
			continue;
		public = addrmap_apply(&config->entries[map], private);
		if (bsearch(&public, local, n_local, sizeof(*local), compare))
			continue;
		last = map;
		config_prefix_text((struct prefix){private, 128}, text);
		config_prefix_text((struct prefix){public, 128}, public_text);
		config_warn(errors, config_map_place(config, &config->entries[map]),
			"%s of this host becomes %s, which is not an address of this host: "
			"answers to it must be routed here",
			text, public_text);
	}
}

/* Warns of every address of this host that becomes one which this host does not have.
 * Loopback addresses are never the source of an error that leaves, and are left out. */
void config_local_check(const struct config *config, struct config_errors *errors)
{
	size_t n_local;
	struct address *local = read_local(&n_local);

	for (size_t i = 0; i < n_local; i++)
		if (!address_is_loopback(local[i]) && (i == 0 || !address_equal(local[i], local[i - 1])))
			check_address(config, local, n_local, local[i], errors);
	free(local);
}
