# SPDX-License-Identifier: GPL-2.0-only
"""Random histories on real git: engineers push, the gate's own rules and git program answer, and things go wrong.

Nothing is played but builds, hosts and people: rules, store and the program on the git worker are those of production.
"""
