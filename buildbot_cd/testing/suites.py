# SPDX-License-Identifier: GPL-2.0-only
"""Random suites: tests with durations, files, groups, and requirements that go in no circle."""

from __future__ import annotations

from hypothesis import strategies as st

from buildbot_cd.core.dispatch import Work

SECONDS = st.floats(0.001, 500.0)


@st.composite
def suites(draw: st.DrawFn, most: int = 12, groups: bool = True) -> tuple[list[Work], dict[str, float]]:
    """Tests, each of which requires only earlier ones, and their seconds; handed out in any order."""
    count = draw(st.integers(1, most))
    works = [
        Work(
            f"t{number}",
            draw(st.sampled_from(["a/x.py", "a/y.py", "b/z.py", "top.py"])),
            tuple(f"t{one}" for one in draw(st.sets(st.integers(0, number - 1), max_size=3)) if number)
            if number
            else (),
            draw(st.sampled_from([None, None, "db", "ui"])) if groups else None,
        )
        for number in range(count)
    ]
    seconds = {work.nid: draw(SECONDS) for work in works}
    return draw(st.permutations(works)), seconds
