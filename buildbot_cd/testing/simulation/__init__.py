# SPDX-License-Identifier: GPL-2.0-only
"""A small world around a gate: trunk, git, tests and production as plain values; the rules, the engine's transactions
and the outbox in it are production's own.

Time stands still unless somebody moves it, every master can be stopped and killed between any two of its
transactions, and every worker can die at any point, so that a search finds orders of events that nobody would write.
"""
