# SPDX-License-Identifier: GPL-2.0-only
"""The commands of ``buildbot-cd``, one module each.

A module's name is the command's (an underscore is a hyphen). It has ``HELP``, one line; ``arguments(parser)``, which
adds its own to an ``argparse.ArgumentParser``; and ``run(given)``, which gives the exit status: 0 done, 1 it did not
work or the answer is no, 2 wrong use. It may raise CdError: its text is printed, and the exit status is 1.
"""
