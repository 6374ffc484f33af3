# SPDX-License-Identifier: GPL-2.0-only
"""The web plugin ``cd``: the pages Now, landings, rollouts, tests and history inside Buildbot's own interface."""

from buildbot_cd.www.application import Pages

ep = Pages()
"""The entry point of the group ``buildbot.www``; its name is the key in ``c['www']['plugins']``."""
