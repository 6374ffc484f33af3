# SPDX-License-Identifier: GPL-2.0-only
"""What several workers take at one moment is dealt out among them test by test, not in slices.

In a slice of the longest tests stand those that were slow once by chance, and in one of the shortest those that are
counted too low: each worker should have its part of both, so that what estimates are wrong about falls on all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from buildbot_cd.core.dispatch.offer import Asker, Offer


def dealt(shares: Mapping[str, tuple[str, ...]], askers: Sequence[Asker], offer: Offer) -> dict[str, tuple[str, ...]]:
    """By worker the nids of all the shares, the longest first to whoever has it done soonest.

    What belongs to a group, has followers or may not run everywhere stays where it is. So does everything, if dealing
    would make the longest share longer, or leave a worker nothing.
    """
    speed = {one.name: one.speed for one in askers if shares[one.name]}
    if len(speed) < 2:
        return dict(shares)
    needed = {nid for one in offer.waiting for nid in one.requires}
    free = {
        one.nid: one.seconds
        for one in offer.ready
        if one.nid not in needed
        and one.rank <= one.seconds * (1 + 1e-9)  # what is not offered may follow too
        and (one.group, one.avoid, one.alone) == (None, None, False)
    }
    known = {one.nid: one.seconds for one in (*offer.ready, *(one.test for one in offer.waiting))}
    hands = {name: [nid for nid in shares[name] if nid not in free] for name in speed}
    load = {name: sum(known[nid] for nid in nids) for name, nids in hands.items()}
    longest = max(sum(known[nid] for nid in shares[name]) / speed[name] for name in speed)
    for nid in sorted((nid for name in speed for nid in shares[name] if nid in free), key=lambda nid: -free[nid]):
        name = min(speed, key=lambda one: (load[one] + free[nid]) / speed[one])
        hands[name].append(nid)
        load[name] += free[nid]
    if not all(hands.values()) or max(load[name] / speed[name] for name in speed) > longest * (1 + 1e-9):
        return dict(shares)
    return {**shares, **{name: tuple(nids) for name, nids in hands.items()}}
