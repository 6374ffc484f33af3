# SPDX-License-Identifier: GPL-2.0-only
"""``buildbot-cd immune replay``: the verdict of a record, bit for bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from buildbot_cd.cli.main import main
from buildbot_cd.core import wire
from buildbot_cd.core.immune import Interval, Judge, MetricSpec, Reading, Verdict, opening

HOSTS = [f"h{number:02d}" for number in range(20)]
CANARY = frozenset(HOSTS[:4])


def interval(number: int, errors: int) -> Interval:
    """Some errors on each canary, one on every other host."""
    rows = tuple(Reading(host, float(errors if host in CANARY else 1), 99.0) for host in HOSTS)
    return Interval(number, 1_700_000_000.0 + number / 3, {"errors": rows}, {}, frozenset(HOSTS))


@pytest.fixture
def watch(tmp_path: Path) -> tuple[Path, Path, Verdict]:
    """The logs `samples` and `verdict` of a watch that ended in a regression."""
    judge = Judge([MetricSpec("errors", tolerance=0.1)], CANARY, frozenset(HOSTS) - CANARY, 0.001,
                  [interval(n, 1) for n in range(1, 9)], expected_intervals=20)  # fmt: skip
    seen = [interval(n, 4) for n in range(9, 20)]
    lines = [json.dumps(opening(judge)), *(json.dumps(one.to_json()) for one in seen)]
    verdict = [judge.observe(one) for one in seen][-1]
    samples, kept = tmp_path / "samples", tmp_path / "verdict"
    samples.write_text("\n".join(lines) + "\n")
    kept.write_text(json.dumps(verdict.to_json(), indent=1))
    return samples, kept, verdict


def test_the_same_verdict_bit_for_bit(watch: Any, capsys: Any) -> None:
    """The sentence, the evidence and every digit come out as they were."""
    samples, kept, verdict = watch
    assert main(["immune", "replay", str(samples), "--verdict", str(kept)]) == 0
    told = capsys.readouterr().out
    assert f"regression: {verdict.reason}" in told
    assert "the same, bit for bit" in told
    assert main(["immune", "replay", str(samples), "--json"]) == 0
    assert Verdict.from_json(json.loads(capsys.readouterr().out)) == verdict


def test_a_record_whose_lines_were_cut_for_a_log(watch: Any, capsys: Any) -> None:
    """Buildbot cuts off lines of more than 64 kB: longer objects come in pieces, and are whole again here."""
    samples, kept, _ = watch
    cut = [piece for line in samples.read_text().splitlines() for piece in wire.lines(json.loads(line))]
    assert any(one.startswith("+") for one in cut)
    assert max(len(one) for one in cut) < 4096
    samples.write_text("\n".join(cut) + "\n")
    assert main(["immune", "replay", str(samples), "--verdict", str(kept)]) == 0
    samples.write_text("\n".join(cut[1:]) + "\n")
    capsys.readouterr()
    assert main(["immune", "replay", str(samples)]) != 0
    assert "no JSON" in capsys.readouterr().err


def test_another_verdict_is_told(watch: Any, capsys: Any) -> None:
    """A record whose last digit was touched does not pass."""
    samples, kept, verdict = watch
    changed = {**verdict.to_json(), "log_e": verdict.log_e * (1 + 2**-50)}
    kept.write_text(json.dumps(changed))
    assert main(["immune", "replay", str(samples), "--verdict", str(kept)]) == 1
    assert "DIFFERS" in capsys.readouterr().out


def test_each_interval(watch: Any, capsys: Any) -> None:
    """Where things stood after every interval can be seen, with the time in UTC."""
    samples, _, _ = watch
    assert main(["immune", "replay", str(samples), "--each"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["9", "2023-11-14", "22:13:23"]
    kinds = [line.split()[3] for line in lines[:11]]
    assert kinds[0] == "undecided"
    assert kinds[-1] == "regression"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not the record of a watch"),
        ('{"format": 99}\n', "not the record of a watch"),
        ('{"format": 1}\n', "not the record of a watch"),
        ("{oops\n", ":1: no JSON"),
        ("[]\n", ":1: no JSON object"),
    ],
)
def test_what_is_no_record(tmp_path: Path, capsys: Any, text: str, said: str) -> None:
    """A file that holds something else is refused with its name."""
    path = tmp_path / "samples"
    path.write_text(text)
    assert main(["immune", "replay", str(path)]) == 1
    assert said in capsys.readouterr().err
    assert main(["immune", "replay", str(tmp_path / "nowhere")]) == 1
    assert "cannot be read" in capsys.readouterr().err
