# SPDX-License-Identifier: GPL-2.0-only
"""Which tests a change needs, and why each: tags, path rules, requirements.

docs/explanation/selection.md tells the rules.
"""

from buildbot_cd.core.selection.function_map import Entry, FunctionMap
from buildbot_cd.core.selection.globs import GlobIndex, matches
from buildbot_cd.core.selection.outcome import Choice, LeftOut, MissingTag, Selection, UnknownTag, UnknownTest
from buildbot_cd.core.selection.reached import Evidence, Reached, Unit, UnitChange, reached
from buildbot_cd.core.selection.requirements import requirements
from buildbot_cd.core.selection.rules import with_rules
from buildbot_cd.core.selection.select import select
from buildbot_cd.core.selection.suspicion import reckoned, suspicion, units_of
from buildbot_cd.core.selection.trailers import declared
from buildbot_cd.core.selection.values import Change, Declared, Mode, PathRule, Test, TestRule, test_of

__all__ = [
    "Change",
    "Choice",
    "Declared",
    "Entry",
    "Evidence",
    "FunctionMap",
    "GlobIndex",
    "LeftOut",
    "MissingTag",
    "Mode",
    "PathRule",
    "Reached",
    "Selection",
    "Test",
    "TestRule",
    "Unit",
    "UnitChange",
    "UnknownTag",
    "UnknownTest",
    "declared",
    "matches",
    "reached",
    "reckoned",
    "requirements",
    "select",
    "suspicion",
    "test_of",
    "units_of",
    "with_rules",
]
