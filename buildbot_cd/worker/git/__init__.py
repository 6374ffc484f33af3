# SPDX-License-Identifier: GPL-2.0-only
"""The program on the git worker: looks at trunk, builds candidates, pushes reverts and moves marks.

It works on a bare mirror only, on objects instead of files: there is no checkout that a crash could leave dirty.
"""
