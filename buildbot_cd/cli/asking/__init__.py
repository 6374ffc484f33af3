# SPDX-License-Identifier: GPL-2.0-only
"""How commands ask a master: by its data API, over HTTP, as any script could."""
