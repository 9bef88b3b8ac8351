# SPDX-License-Identifier: GPL-2.0-or-later
"""A network of four hosts, for the demo and for the network tests."""
