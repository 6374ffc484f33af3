# SPDX-License-Identifier: GPL-2.0-only
"""The demo's world: a sample shop, a fleet that serves it, people who visit it, and changes to land."""
