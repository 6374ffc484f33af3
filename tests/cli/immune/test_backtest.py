# SPDX-License-Identifier: GPL-2.0-only
"""``buildbot-cd immune backtest``: a metric configuration on the past."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import shutil
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from buildbot_cd.cli.main import main

PROGRAM = Path(sys.executable).with_name("buildbot-cd")


@pytest.fixture
def sample() -> ModuleType:
    """The module of the sample past beside this file."""
    spec = importlib.util.spec_from_file_location("sample_past", Path(__file__).with_name("conftest.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def result(capsys: Any, *words: str) -> list[dict[str, Any]]:
    """The result as JSON."""
    assert main(["immune", "backtest", *words, "--json"]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def test_a_quiet_past_has_no_alarm_and_harm_is_found(config: Path, history: Path, capsys: Any) -> None:
    """No alarm where nothing happened, in spite of a restart; half of the sign-ups and twice the errors are found."""
    found = result(capsys, "--config", str(config), "--csv", str(history), "--draws", "1")
    harmless, *harmful = found
    assert harmless["watches"] == 29
    assert harmless["share"] == 0
    shares = {(one["metric"], one["factor"]): one["share"] for one in harmful}
    assert shares["errors", 2.0] > 0.7
    assert shares["signups", 0.5] > 0.7
    assert shares["errors", 1.5] < shares["errors", 2.0] + 0.01
    assert all(one["median_intervals"] for one in harmful if one["share"] > 0.6)


def test_a_past_with_an_incident_is_told(config: Path, history: Path, capsys: Any, tmp_path: Path) -> None:
    """What does look like a regression is counted as a false alarm, with its time and reason."""
    lines = history.read_text().splitlines()
    broken = tmp_path / "broken.csv"
    rows = []
    for number, line in enumerate(lines):
        at, host, requests, errors, signups = line.split(",")
        if host == "web-07" and number > 40 * 50:
            errors = str(int(errors) + 40 * (number // 40 - 50))
        rows.append(f"{at},{host},{requests},{errors},{signups}")
    broken.write_text("\n".join(rows) + "\n")
    words = ["--config", str(config), "--csv", str(broken), "--draws", "6", "--canaries", "1", "--effect", "errors=1"]
    assert main(["immune", "backtest", *words]) == 0
    told = capsys.readouterr().out
    assert "of 174 watches without a release would have been called a regression" in told
    assert "2023-11-1" in told
    assert "errors is" in told


def test_the_same_seed_gives_the_same_result(config: Path, history: Path, capsys: Any) -> None:
    """Chance is drawn from the seed alone."""
    words = ["--config", str(config), "--csv", str(history), "--draws", "1", "--effect", "errors=1.3"]
    assert result(capsys, *words) == result(capsys, *words)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "either --csv FILE or --from TIME"),
        (["--csv", "{history}", "--from", "0"], "either --csv FILE or --from TIME"),
        (["--csv", "{history}", "--effect", "error=2"], "no metric is called 'error', did you mean 'errors'?"),
        (["--csv", "{history}", "--effect", "errors=lots"], "write METRIC=FACTOR"),
        (["--csv", "{history}", "--watch", "9h"], "the past holds 239 intervals"),
        (["--csv", "{history}", "--watch", "90"], "a duration with its unit"),
        (["--csv", "{history}", "--canaries", "40"], "40 canaries cannot be drawn from 40 hosts"),
        (["--from", "yesterday"], "is no time"),
    ],
)
def test_what_cannot_be_done(config: Path, history: Path, capsys: Any, words: list[str], said: str) -> None:
    """Each wrong word is told with its remedy; nothing is printed as if it were a result."""
    argv = [word.replace("{history}", str(history)) for word in words]
    assert main(["immune", "backtest", "--config", str(config), *argv]) == 1
    told = capsys.readouterr()
    assert said in told.err
    assert not told.out


def test_a_server_that_is_away(config: Path) -> None:
    """A Prometheus server that does not answer is told in its address and one line."""
    span = ["--from", "1700000000", "--to", "1700000100"]
    done = subprocess.run(
        [PROGRAM, "immune", "backtest", "--config", str(config), *span],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "http://127.0.0.1:9/api/v1/query_range cannot be read" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("time,host\n1,a\n", "has no column 'http_errors_total'"),
        (
            "time,host,http_requests_total,http_errors_total,signups_total\nnoon,a,1,1,1\n",
            "past.csv:2: 'noon' is no time",
        ),
        (
            "time,host,http_requests_total,http_errors_total,signups_total\n1,a,1,x,1\n",
            "past.csv:2: http_errors_total is 'x'",
        ),
    ],
)
def test_files_that_cannot_be_used(config: Path, tmp_path: Path, capsys: Any, text: str, said: str) -> None:
    """The file, the line and the column are named."""
    path = tmp_path / "past.csv"
    path.write_text(text)
    assert main(["immune", "backtest", "--config", str(config), "--csv", str(path)]) == 1
    assert said in capsys.readouterr().err


@pytest.fixture
def prometheus(tmp_path: Path, sample: ModuleType) -> Iterator[int]:
    """A real Prometheus server that already has the past; its port."""
    lines = []
    for column, name in ((2, "http_requests_total"), (3, "http_errors_total"), (4, "signups_total")):
        lines.append(f"# TYPE {name.removesuffix('_total')} counter")
        lines += [f'{name}{{instance="{row[1]}:80"}} {row[column]} {row[0]}' for row in sample.past(240)]
    metrics = tmp_path / "past.txt"
    metrics.write_text("\n".join(lines) + "\n# EOF\n")
    data = tmp_path / "data"
    subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(metrics), str(data)], check=True, timeout=60,
        capture_output=True,
    )  # fmt: skip
    empty = tmp_path / "prometheus.yml"
    empty.write_text("scrape_configs: []\n")
    with contextlib.closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    argv = [
        "prometheus", f"--config.file={empty}", f"--storage.tsdb.path={data}", "--storage.tsdb.retention.time=100y",
        f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(argv, stdout=log, stderr=log, cwd=tmp_path)
    try:
        _wait_until_ready(port, server)
        yield port
    finally:
        server.terminate()
        server.wait(20)


def _wait_until_ready(port: int, server: subprocess.Popen[bytes]) -> None:
    pause = threading.Event()
    for _ in range(300):
        assert server.poll() is None, "prometheus ended by itself"
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5) as page,
        ):
            if page.status == 200:
                return
        pause.wait(0.1)
    raise AssertionError("prometheus is not ready after 30 s")


@pytest.mark.skipif(shutil.which("prometheus") is None or shutil.which("promtool") is None, reason="no prometheus here")
def test_the_past_of_a_real_server(
    config: Path, history: Path, prometheus: int, sample: ModuleType, capsys: Any
) -> None:
    """What a real Prometheus server remembers leads to the same result as the same numbers in a file."""
    config.write_text(sample.CONFIG % (", ".join(sample.HOSTS), prometheus))
    words = ["--config", str(config), "--draws", "1", "--effect", "signups=0.5"]
    end = sample.START + 239 * sample.EVERY
    done = subprocess.run(
        [PROGRAM, "immune", "backtest", *words, "--json",
         "--from", str(sample.START), "--to", str(end)],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == result(capsys, *words, "--csv", str(history))
