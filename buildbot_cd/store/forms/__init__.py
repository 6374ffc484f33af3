# SPDX-License-Identifier: GPL-2.0-only
"""What is stored, in the form in which it comes back: texts cleaned, keys checked. Both stores hold to it."""
