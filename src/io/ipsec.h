/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IPsec policies of this network namespace, for what leaves it.
 */
#ifndef IO_IPSEC_H
#define IO_IPSEC_H

#include <stdbool.h>

bool ipsec_has_policies(void);

#endif
