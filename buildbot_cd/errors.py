# SPDX-License-Identifier: GPL-2.0-only
"""Everything that buildbot_cd raises on purpose.

::

    CdError
    ├── ConfigError          cd.yaml or .buildbot-cd.yaml cannot be used as written
    ├── StoreError           the database holds something that the code does not understand
    │   └── StaleVersion     somebody else moved the row first; read again and decide anew
    ├── GitError             git refused, or its answer makes no sense
    │   └── ReplayConflict   a change does not apply without another one that is missing
    ├── SelectionError       tags, rules or requirements of tests contradict each other
    ├── FleetError           a host or the transport to it failed
    ├── SourceError          a metric provider gave no usable answer
    └── ControlRefused       a control call that is not allowed, or came too late
"""


class CdError(Exception):
    """Root of all errors of this package; its text is meant for people and says what to do next."""


class ConfigError(CdError):
    """A configuration file cannot be used as written."""


class StoreError(CdError):
    """The database holds something that the code does not understand."""


class StaleVersion(StoreError):
    """The row was changed by somebody else since it was read: read again and decide anew."""


class GitError(CdError):
    """git refused, or its answer makes no sense; the text carries git's own words."""


class ReplayConflict(GitError):
    """A change does not apply without another change that is missing."""


class SelectionError(CdError):
    """Tags, rules or requirements of tests contradict each other."""


class FleetError(CdError):
    """A host or the transport to it failed."""


class SourceError(CdError):
    """A metric provider gave no usable answer."""


class ControlRefused(CdError):
    """A control call is not allowed, or the state it was meant for is over."""
