# SPDX-License-Identifier: GPL-2.0-only
"""What all tables are made of: the names of their keys and indexes, and the few kinds of column."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    }
)

Big = sa.BigInteger


def text(name: str, default: str | None = None) -> sa.Column[str]:
    """A text that is always there. ``default`` is what rows have that were written before the column was made."""
    return sa.Column(name, sa.Text, nullable=False, server_default=default)


def maybe(name: str) -> sa.Column[str]:
    """A text that may be missing."""
    return sa.Column(name, sa.Text)


def time(name: str, *, nullable: bool = False) -> sa.Column[float]:
    """A moment or a span, in seconds."""
    return sa.Column(name, sa.Double, nullable=nullable)


def number(name: str, *, nullable: bool = False, default: str | None = None) -> sa.Column[int]:
    """A whole number. ``default`` is what rows have that were written before the column was made."""
    return sa.Column(name, Big, nullable=nullable, server_default=default)


def ident() -> sa.Column[int]:
    """The id, which the code gives."""
    return sa.Column("id", Big, primary_key=True, autoincrement=False)
