# SPDX-License-Identifier: GPL-2.0-only
"""Collecting and running the tests of other projects.

``pytest_stream.py`` is sent to workers as text; nothing imports it.
"""
