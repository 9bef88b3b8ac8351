/* SPDX-License-Identifier: GPL-2.0-or-later */
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

/* Returns the index of the map that changes the source address of an error which leaves by an
 * interface, or ADDRMAP_NONE. */
static uint32_t outer_map(const struct config_outside *outside, struct address a)
{
	const struct addrmap *maps = &outside->maps[ADDRMAP_OUTER];
	const uint32_t map = addrmap_find(maps, a);

	return map == ADDRMAP_NONE || config_map_is_identity(&maps->entries[map]) ? ADDRMAP_NONE : map;
}

static void warn(const struct config *config, struct address a, uint32_t map, struct config_errors *errors)
{
	const struct addrmap_entry *entry = &config->entries[map];
	char private[CONFIG_PREFIX_TEXT], public[CONFIG_PREFIX_TEXT];

	config_prefix_text((struct prefix){a, 128}, private);
	config_prefix_text((struct prefix){addrmap_apply(entry, a), 128}, public);
	config_warn(errors, config_map_place(config, entry),
		"%s of this host becomes %s, which is not an address of this host: "
		"answers to it must be routed here",
		private, public);
}

/* Warns if an interface turns local[index] into an address that this host does not have.
 * Interfaces in a row with the same map are warned of once. */
static void check_address(const struct config *config, const struct address *local, size_t n_local,
	size_t index, struct config_errors *errors)
{
	uint32_t last = ADDRMAP_NONE;

	for (size_t i = 0; i < config->n_outside; i++) {
		const uint32_t map = outer_map(&config->outside[i], local[index]);
		struct address public;

		if (map == ADDRMAP_NONE || map == last)
			continue;
		last = map;
		public = addrmap_apply(&config->entries[map], local[index]);
		if (!bsearch(&public, local, n_local, sizeof(*local), compare))
			warn(config, local[index], map, errors);
	}
}

/* Warns of every address of this host that becomes one which this host does not have.
 * Loopback addresses are never the source of an error that leaves, and are left out. */
void config_local_check(const struct config *config, struct config_errors *errors)
{
	size_t n_local;
	struct address *local = read_local(&n_local);

	for (size_t i = 0; i < n_local; i++)
		if (!address_is_unroutable(local[i]) && (i == 0 || !address_equal(local[i], local[i - 1])))
			check_address(config, local, n_local, i, errors);
	free(local);
}
