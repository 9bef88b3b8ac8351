/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Maps: each one from its text, wherever it stands, to an entry of the configuration; then all of them
 * together, what contradicts what, and the tables that the packet path searches.
 */
#ifndef CONFIG_MAP_H
#define CONFIG_MAP_H

#include "config/error.h"

/* A string that was configured; text is NULL if it was not, or if it is to be ignored. */
struct config_value {
	const char *name; /* of the setting */
	const char *text;
	struct config_place place;
};

/* { private = A; public = B; outside = "eth0"; part = "inner"; npt = true; }: npt has a text if it is true */
struct config_map {
	struct config_place place;
	struct config_value private, public, outside, part, npt;
};

bool config_prefix_parse(
	struct prefix *prefix, const struct config_value *value, struct config_errors *errors);

bool config_map_add(struct config *config, const struct config_map *map, struct config_errors *errors);
uint8_t config_map_interface(const struct config *config, const char *name);
uint8_t config_map_outside(
	const struct config_value *value, const struct config *config, struct config_errors *errors);
bool config_map_check_public(
	struct prefix public, const struct config_value *value, struct config_errors *errors);
bool config_map_keeps(const struct addrmap_entry *entry, struct prefix p);
bool config_map_is_identity(const struct addrmap_entry *entry);
struct config_place config_map_place(const struct config *config, const struct addrmap_entry *entry);

void config_clashes_check(struct config *config, struct config_errors *errors);
bool config_tables_build(struct config *config);
const struct addrmap *config_table_shared(
	const struct config *config, const struct config_outside *outside, enum addrmap_part part);
bool config_chains_check(const struct config *config, struct config_errors *errors);
void config_hop_names_check(const struct config *config, struct config_errors *errors);
void config_local_check(const struct config *config, struct config_errors *errors);

#endif
