# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from buildbot_cd.engine.peers import BEAT, SILENCE, Pulse


def after(beats: int, every: float) -> tuple[Pulse, float]:
    """A peer's pulse after so many signs, looked at every `BEAT` seconds, and the time of the last sign."""
    pulse, last, sign = Pulse(0, 0.0), 0.0, 0
    now = 0.0
    while sign < beats:
        now += BEAT
        if now >= (sign + 1) * every:
            sign, last = sign + 1, now
        pulse = pulse.seen(sign, now)
        if sign < beats:
            assert not pulse.gone(now)
    return pulse, last


def test_a_peer_that_gave_signs_often_is_gone_when_it_is_silent() -> None:
    """Not before the silence is over, and then at once."""
    pulse, last = after(4, BEAT)
    assert not pulse.gone(last + SILENCE)
    assert pulse.gone(last + SILENCE + 0.1)


def test_a_master_that_tells_of_itself_once_a_minute_is_left_to_buildbot() -> None:
    """A peer without this package never counts as gone here."""
    pulse, last = after(4, 60.0)
    assert not pulse.gone(last + 10_000)


def test_a_peer_that_was_never_heard_is_left_to_buildbot() -> None:
    """Who was silent already when this master started may have been stopped in order."""
    assert not Pulse(7, 100.0).gone(10_000.0)
