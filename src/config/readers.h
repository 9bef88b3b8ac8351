/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The readers of those settings that are more than one value. Each adds to
 * loader->config what it has read, and complains about what it cannot read.
 */
#ifndef CONFIG_READERS_H
#define CONFIG_READERS_H

#include "config/tree.h"

void config_outside_read(struct config_loader *loader, const config_setting_t *setting);
void config_maps_read(struct config_loader *loader, const config_setting_t *setting);
void config_maps_file_read(struct config_loader *loader, const config_setting_t *setting);

#endif
