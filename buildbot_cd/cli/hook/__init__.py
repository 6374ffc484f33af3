# SPDX-License-Identifier: GPL-2.0-only
"""What a git server's hooks do: read the push, ask or tell the master within a limit, speak to whoever pushes."""
