# SPDX-License-Identifier: GPL-2.0-only
import json
import shutil
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from buildbot_cd.worker.fleet import host, host_releases
from buildbot_cd.worker.fleet.host_tree import manifest


def ask(root: Path, verb: str, **arguments: Any) -> dict[str, Any]:
    """One verb on the host at ``root``."""
    return host.answer({"verb": verb, "root": str(root), **arguments})


def stage(root: Path, payload: Path, release: str, fence: int = 1) -> dict[str, Any]:
    """Prepare, copy, finish."""
    total = manifest(str(payload))
    prepared = ask(root, "prepare", release=release, manifest=total, fence=fence)
    if prepared["ok"] and not prepared["complete"]:
        shutil.copytree(payload, root / "releases" / f".{release}.partial", symlinks=True, dirs_exist_ok=True)
        return ask(root, "finish", release=release, manifest=total, fence=fence)
    return prepared


@pytest.fixture
def root(tmp_path: Path, payload: Path) -> Path:
    """A host with r-1 current and r-2 staged."""
    place = tmp_path / "host"
    assert stage(place, payload, "r-1")["ok"]
    assert ask(place, "switch", release="r-1", fence=1, expect=None)["ok"]
    assert stage(place, payload, "r-2")["ok"]
    return place


def test_switch_and_rollback_tell_what_was_there(root: Path) -> None:
    """Each move answers with the current and the previous release, and status says the same."""
    moved = ask(root, "switch", release="r-2", fence=2, expect="r-1")
    assert moved == {"ok": True, "release": "r-2", "previous": "r-1", "fence": 2}
    back = ask(root, "rollback", release="r-1", fence=2)
    assert back == {"ok": True, "release": "r-1", "previous": "r-2", "fence": 2}
    assert ask(root, "status") == {**back, "releases": ["r-2", "r-1"]}
    assert (root / "current" / "bin" / "shop").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"release": "r-2", "fence": 0}, "fence 0 is older than 1"),
        ({"release": "r-2", "fence": 1, "expect": "r-0"}, "expected r-0 to be current, found r-1"),
        ({"release": "r-2", "fence": 1, "expect": None}, "expected None to be current, found r-1"),
        ({"release": "r-3", "fence": 1}, "r-3 is not complete on this host"),
        ({"release": "../../etc", "fence": 1}, "release id '../../etc' is not usable"),
    ],
)
def test_what_a_switch_refuses(root: Path, arguments: dict[str, Any], words: str) -> None:
    """An older fence, an unexpected current release and a release that is not whole are refused; nothing moves."""
    answer = ask(root, "switch", **arguments)
    assert (answer["ok"], answer["kind"], answer["release"]) == (False, "refused", "r-1")
    assert words in answer["error"]


def test_a_release_changed_after_staging_is_not_switched_to(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Changed contents are noticed by the next loop, touched times alone are not held against a release."""
    data = root / "releases" / "r-2" / "data"
    data.touch()
    assert ask(root, "switch", release="r-2", fence=1)["ok"]
    assert ask(root, "rollback", release="r-1", fence=1)["ok"]
    data.write_bytes(b"changed")
    monkeypatch.setattr(host_releases, "_whole", {})  # as in a loop that has not seen it before
    assert "was changed after it was staged" in ask(root, "switch", release="r-2", fence=1)["error"]


@pytest.mark.parametrize("how", ["added", "removed", "replaced", "unmarked"])
def test_the_loop_that_staged_a_release_notices_what_moves_in_it(root: Path, how: str) -> None:
    """It does not read all files again, and sees all the same what comes, goes or is replaced."""
    release = root / "releases" / "r-2"
    if how == "added":
        (release / "more").write_text("x")
    elif how == "replaced":
        (release / "fresh").write_text("changed")
        (release / "fresh").replace(release / "data")
    elif how == "removed":
        (release / "data").unlink()
    else:
        release.with_name("r-2.complete").unlink()
    assert ask(root, "switch", release="r-2", fence=1)["kind"] == "refused"
    assert (root / "current").resolve().name == "r-1"


def test_a_damaged_copy_is_never_complete(root: Path, payload: Path) -> None:
    """What arrives with another manifest fails, and the next staging begins from nothing."""
    assert not ask(root, "prepare", release="r-3", manifest=manifest(str(payload)), fence=1)["complete"]
    (root / "releases" / ".r-3.partial" / "data").write_text("half")
    damaged = ask(root, "finish", release="r-3", manifest=manifest(str(payload)), fence=1)
    assert "arrived damaged" in damaged["error"]
    assert stage(root, payload, "r-3")["ok"]


def test_an_id_is_not_given_to_other_contents_while_it_is_current(root: Path, payload: Path) -> None:
    """Staging the current id anew with other files is refused: it would take the service away."""
    (payload / "new").write_text("x")
    answer = stage(root, payload, "r-1")
    assert "is current on this host with other contents" in answer["error"]
    assert (root / "current" / "data").exists()


def test_restart_runs_once_for_a_release_and_again_after_it_failed(root: Path, tmp_path: Path) -> None:
    """A failed restart leaves the new release current; asking again restarts, and after that no more."""
    log = tmp_path / "log"
    argv = ["sh", "-c", f"echo x >> {log}; test -e {tmp_path}/ready || {{ echo no port; exit 3; }}"]
    failed = ask(root, "switch", release="r-2", fence=2, restart=argv)
    assert (failed["kind"], failed["release"]) == ("failed", "r-2")
    assert failed["error"].endswith("ended with 3: no port")
    (tmp_path / "ready").touch()
    for _ in range(3):
        assert ask(root, "switch", release="r-2", fence=2, restart=argv, expect="r-1")["ok"]
    assert log.read_text() == "x\nx\n"


def test_gc_keeps_the_newest_and_whatever_is_named(root: Path, payload: Path) -> None:
    """Old releases go; current, previous and protected ones stay however old they are."""
    for number in range(3, 8):
        assert stage(root, payload, f"r-{number}")["ok"]
    assert ask(root, "switch", release="r-2", fence=2)["ok"]
    answer = ask(root, "gc", keep=2, fence=2, protect=["r-4"])
    assert sorted(answer["removed"]) == ["r-3", "r-5"]
    assert sorted(ask(root, "status")["releases"]) == ["r-1", "r-2", "r-4", "r-6", "r-7"]
    assert not (root / "releases" / "r-3").exists()


def test_health_wants_the_release_and_not_just_an_answer(root: Path, shop: tuple[str, dict[str, str]]) -> None:
    """A service that still serves the old release is unhealthy although the symlink has moved."""
    url, serving = shop
    serving["/healthz"] = "r-0"
    stale = ask(root, "health", release="r-1", url=f"{url}/healthz", header="X-Release", wait=0.3)
    assert (stale["kind"], stale["release"]) == ("unhealthy", "r-1")
    assert "header X-Release is 'r-0', not 'r-1'" in stale["error"]
    serving["/healthz"] = "r-1"
    assert ask(root, "health", release="r-1", url=f"{url}/healthz", header="X-Release", wait=5)["ok"]
    assert "answers 503" in ask(root, "health", release="r-1", url=f"{url}/x", header=None, wait=0.2)["error"]
    assert "r-1 is current, not r-2" in ask(root, "health", release="r-2")["error"]


def test_odd_states_of_the_disk_are_named(root: Path) -> None:
    """A current that is a folder and a state file that is no JSON are told with their path."""
    (root / "cd-state.json").write_text("{")
    assert "cd-state.json is not JSON" in ask(root, "status")["error"]
    (root / "cd-state.json").write_text(json.dumps({"fence": 1}))
    (root / "current").unlink()
    (root / "current").mkdir()
    assert "current is no symlink" in ask(root, "switch", release="r-2", fence=1)["error"]
    assert ask(root, "nonsense")["kind"] == "refused"
    assert ask(root, "switch")["kind"] == "failed"


def test_a_place_where_no_release_can_come_is_told_before_one_is_sent(root: Path, tmp_path: Path) -> None:
    """A directory that can be made is as good as one that is there; nothing can be made where a link leads nowhere."""
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    assert "closed" not in ask(root, "status")
    assert "closed" not in ask(tmp_path / "srv" / "shop", "status")
    assert ask(tmp_path / "gone" / "shop", "status")["closed"].startswith("this account may not write to ")
    assert not (tmp_path / "srv").exists()


def test_no_reader_ever_misses_current(root: Path) -> None:
    """While the host is switched 300 times, a reader always finds a file through current."""
    over, misses, reads = Event(), [], [0]

    def read() -> None:
        while not over.is_set():
            try:
                (root / "current" / "data").stat()
            except OSError as error:
                misses.append(error)
            reads[0] += 1

    reader = Thread(target=read)
    reader.start()
    for number in range(300):
        assert ask(root, "switch", release=f"r-{2 - number % 2}", fence=3)["ok"]
    over.set()
    reader.join()
    assert not misses
    assert reads[0] > 300
