# SPDX-License-Identifier: GPL-2.0-only
"""The peers, each as a program that gets its order as JSON on stdin and ends with 0 if it worked on all hosts.

The order: {"do": probe, stage or switch, "hosts": {name: [address, root]}, "parallel", "port", "key", "known_hosts",
"release", "tar"}. They do less than the fan-out program does: no compare and set, no fence, no check of what arrived.
Releases go over as one packed tar, which is the fastest way each of them has.
"""
