# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Measures what icmpnatd costs, and what each program or rule that could replace it costs. See doc/performance.md."""
