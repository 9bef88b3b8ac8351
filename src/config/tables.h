/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All maps of a configuration together: what contradicts what, and the tables that
 * the packet path searches.
 */
#ifndef CONFIG_TABLES_H
#define CONFIG_TABLES_H

#include "config/map.h"

void config_clashes_check(struct config *config, struct config_errors *errors);
bool config_tables_build(struct config *config);
const struct addrmap *config_table_shared(
	const struct config *config, const struct config_outside *outside, enum addrmap_part part);
bool config_chains_check(const struct config *config, struct config_errors *errors);
void config_local_check(const struct config *config, struct config_errors *errors);

#endif
