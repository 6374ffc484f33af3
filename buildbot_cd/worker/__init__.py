# SPDX-License-Identifier: GPL-2.0-only
"""Programs that run on workers. They import no Buildbot and talk to their step over stdin and stdout."""
