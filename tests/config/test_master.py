# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from buildbot_cd.config import Amount, ConfigErrors, Problem, load_master, parse_hosts, parse_master, parse_repository

FULL = """\
trunk:   {repository: ssh://git@git.example.org/shop.git, branch: main}
git:     {worker: git-1, author: "Deploy <deploy@example.org>"}
gate:    {mode: queued, reverts: {per_hour: 4, per_day: 10}}
checks:
  - tests: {runner: pytest, workers: [test-1, test-2, test-3, test-4], budget: 12m}
  - builder: lint
release: {worker: deploy-1, build: [make, dist], path: dist/}
fleet:
  transport: ssh
  hosts: {command: [./inventory]}
  root: /srv/shop
  restart: [systemctl, reload, shop]
  health: {url: "http://{address}:8080/healthz", release_header: X-Release}
rollout:
  - {stage: canary, hosts: 35, watch: 2m}
  - {stage: fleet, hosts: all, watch: 5m}
immune:
  source: {scrape: "http://{address}:8080/metrics", every: 5s}
  false_alarm: 0.001
  metrics:
    - {name: errors,  events: http_errors_total, per: http_requests_total, bad: up, tolerance: 10%}
    - {name: signups, events: signups_total,     per: http_requests_total, bad: down}
    - {name: latency, value: request_seconds_mean, bad: up, tolerance: 10%}
"""
TRUNK = "trunk: {repository: /srv/git/shop.git}\n"


def refusals(text: str) -> list[str]:
    """What is wrong with a cd.yaml, one text for each problem."""
    with pytest.raises(ConfigErrors) as caught:
        parse_master(text)
    return str(caught.value).splitlines()


def section(name: str) -> str:
    """The lines of one section of FULL."""
    lines = FULL.splitlines(keepends=True)
    start = next(index for index, line in enumerate(lines) if line.startswith(name + ":"))
    rest = next((index for index in range(start + 1, len(lines)) if not lines[index].startswith(" ")), len(lines))
    return "".join(lines[start:rest])


def test_the_full_file_is_read() -> None:
    """Every section of the sample arrives, in seconds, ratios and tuples."""
    config = parse_master(FULL)
    assert config.suite is not None
    assert config.suite.tests is not None
    assert config.suite.tests.budget == 720
    assert config.rollout[0].hosts == Amount(count=35)
    assert config.rollout[0].budget == Amount(count=0)
    assert config.rollout[1].budget == Amount(share=0.02)
    assert config.immune is not None
    assert config.immune.baseline == 30
    assert [metric.tolerance for metric in config.immune.metrics] == pytest.approx([0.1, 0.1, 0.1])
    assert config.fleet is not None
    assert config.fleet.hosts.command == ("./inventory",)


def test_the_result_is_frozen() -> None:
    """Nobody changes a configuration after it was read."""
    with pytest.raises(ValidationError, match="frozen"):
        parse_master(TRUNK).trunk.branch = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    "sections",
    [
        [],
        ["checks"],
        ["git", "gate", "checks"],
        ["release", "fleet", "rollout"],
        ["release", "fleet", "rollout", "immune"],
    ],
)
def test_each_piece_can_be_adopted_alone(sections: list[str]) -> None:
    """Beside trunk a file needs only the sections of the piece that is used."""
    parse_master(TRUNK + "".join(section(name) for name in sections))


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        (["gate", "checks"], "cd.yaml:2: gate: needs the section 'git'"),
        (["git", "gate"], "cd.yaml:3: gate: needs the section 'checks'"),
        (["fleet", "rollout"], "cd.yaml:2: fleet: needs the section 'release'"),
        (["release", "fleet"], "cd.yaml:3: fleet: needs the section 'rollout'"),
        (["release"], "cd.yaml:2: release: needs the section 'fleet'"),
        (["rollout"], "cd.yaml:2: rollout: needs the section 'fleet'"),
        (["immune"], "cd.yaml:2: immune: needs the section 'rollout'"),
    ],
)
def test_what_a_section_needs_is_told(sections: list[str], said: str) -> None:
    """A section without the one that it works with is named, and the other too."""
    (refusal,) = refusals(TRUNK + "".join(section(name) for name in sections))
    assert refusal.startswith(said)


def test_everything_wrong_is_told_at_once() -> None:
    """One look at the errors is enough: each with file, line and key, and with what was probably meant."""
    text = """\
trunk: {repositry: x, branch: a..b}
gate:
chekcs: []
git: {worker: on, author: me}
release: {worker: d, build: make dist}
fleet:
  transport: shs
  hosts: [{name: a, adress: x}, b, {role: x}]
  root: /srv/{nmae}
rollout:
- {stage: c, hosts: all, watch: 2m}
- {stage: c, hosts: 3}
immune:
  source: {scrape: 'http://x'}
  metrics:
  - {name: e, events: x, bad: upp, tolerance: 10}
"""
    assert refusals(text) == [
        "cd.yaml:1: trunk.branch: is no name that git allows for a branch",
        "cd.yaml:1: trunk.repositry: unknown key, did you mean 'repository'?",
        "cd.yaml:2: gate: is empty; give it a value, {} for its defaults, or leave the key out",
        "cd.yaml:3: chekcs: unknown key, did you mean 'checks'?",
        'cd.yaml:4: git.author: should be as git writes an author: "Deploy <deploy@example.org>"',
        'cd.yaml:5: release.build: should be a list of arguments, such as ["make", "dist"]; no shell reads it',
        "cd.yaml:7: fleet.transport: should be ssh or local or command, did you mean 'ssh'?",
        "cd.yaml:8: fleet.hosts[0].adress: unknown key, did you mean 'address'?",
        "cd.yaml:8: fleet.hosts[2].name: is missing",
        "cd.yaml:9: fleet.root: unknown placeholder '{nmae}', did you mean 'name'?",
        "cd.yaml:11: rollout[0].hosts: only the last stage can have all hosts",
        "cd.yaml:12: rollout[1].stage: 'c' occurs twice, first as rollout[0]",
        "cd.yaml:12: rollout[1].hosts: the last stage should have hosts: all",
        "cd.yaml:16: immune.metrics[0].bad: should be up or down, did you mean 'up'?",
        "cd.yaml:16: immune.metrics[0].tolerance: should be a percentage such as 10%, or a number from 0 to 1",
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("branch: main", "branch: 5", "cd.yaml:1: trunk.branch: should be text; put it in quotes"),
        ("branch: main", "branch: -x", "should not begin with '-'"),
        ("per_hour: 4", "per_hour: -1", "cd.yaml:3: gate.reverts.per_hour: should be greater than or equal to 0"),
        ("per_hour: 4", "per_hour: true", "should be a whole number"),
        ("mode: queued", "mode: block", "should be queued or blocked, did you mean 'blocked'?"),
        ("budget: 12m", "budget: 12", "cd.yaml:5: checks[0].tests.budget: should be a duration with its unit"),
        ("budget: 12m", "budget: 0s", "longer than 0s"),
        ("test-2,", "test-1,", "holds test-1 more than once"),
        ("workers: [test-1, test-2, test-3, test-4]", "workers: []", "checks[0].tests.workers: should not be empty"),
        ("builder: lint", "builder: lint\n    tests: {runner: pytest, workers: [a]}", "exactly one of"),
        ("builder: lint", "tests: {runner: pytest, workers: [a]}", "one sharded test run only"),
        ("builder: lint", "builder: lint\n  - builder: lint", "checks[2].builder: 'lint' occurs twice"),
        ("path: dist/", "path: ../dist", "inside the checkout"),
        ("path: dist/", "path: /dist", "inside the checkout"),
        ("root: /srv/shop", "root: srv/shop", "cd.yaml:11: fleet.root: should be an absolute path"),
        ("transport: ssh", "transport: local", "fleet.root: should hold {name}"),
        ("root: /srv/shop", "root: /srv/{release}", "unknown placeholder '{release}'"),
        ("[systemctl, reload, shop]", '["{0}"]', "unknown placeholder '{0}'"),
        ("[systemctl, reload, shop]", '["{name!r}"]', "takes no format"),
        ("[systemctl, reload, shop]", '["{"]', "a brace itself is written twice"),
        ("[systemctl, reload, shop]", "[]", "fleet.restart: should not be empty"),
        ("http://{address}:8080/healthz", "ftp://x", "fleet.health.url: should begin with http:// or https://"),
        ("{command: [./inventory]}", "{}", "should be a list of hosts, or hold exactly one of"),
        ("{command: [./inventory]}", "[]", "fleet.hosts: should not be empty"),
        ("{command: [./inventory]}", "[a, b, a]", "names the host a twice"),
        ("{command: [./inventory]}", "[a, {name: b, address: a}]", "the same address a"),
        ("{command: [./inventory]}", "[a, b]", "cd.yaml:15: rollout[0].hosts: should be fewer than the 2 hosts"),
        ("hosts: 35", "hosts: 0", "at least one host"),
        ("hosts: 35", "hosts: lots", "a share such as 5%"),
        ("  - {stage: fleet", "  - {stage: b, hosts: 35}\n  - {stage: fleet", "more than the 35 of the stage before"),
        ("watch: 2m", "watch: 1s", "is shorter than immune.source.every"),
        ("every: 5s", 'prometheus: "http://p"', "exactly one of 'scrape', 'prometheus', 'graphite'"),
        ("false_alarm: 0.001", "false_alarm: 0", "above 0 and at most 0.5"),
        ("name: signups", "name: errors", "immune.metrics[1].name: 'errors' occurs twice"),
        ("value: request_seconds_mean", "value: a, per: b", "'per' belongs to 'events'"),
        (", per: http_requests_total, bad: up", ", bad: up", "'events' need 'per'"),
        ("value: request_seconds_mean", "value: a, events: b", "exactly one of 'events'"),
    ],
)
def test_a_wrong_value_is_told_with_its_remedy(old: str, new: str, said: str) -> None:
    """One wrong value in a file that is else in order gives one problem, at its place."""
    assert old in FULL
    (refusal,) = refusals(FULL.replace(old, new, 1))
    assert said in refusal


def test_a_watch_is_needed_to_judge() -> None:
    """An immune system that is given no time would be one in name only."""
    text = FULL.replace(", watch: 2m", "").replace(", watch: 5m", "")
    assert refusals(text) == ["cd.yaml:17: immune: needs a stage of the rollout with watch: the time in which to judge"]


def test_placeholders_may_stand_in_root_and_restart() -> None:
    """Braces that are meant literally are doubled, as in Python."""
    text = FULL.replace("/srv/shop", "'/srv/{name}'").replace("reload, shop", "'{name}', '{release}', 'a{{b'")
    config = parse_master(text)
    assert config.fleet is not None
    assert config.fleet.root.format(name="web-1") == "/srv/web-1"


def test_hosts_may_be_names_alone() -> None:
    """A host whose name can be resolved needs no second line."""
    text = FULL.replace("{command: [./inventory]}", "[web-1, {name: web-2, address: '::1', role: cart, port: 2222}]")
    fleet = parse_master(text.replace("hosts: 35", "hosts: 1")).fleet
    assert fleet is not None
    assert fleet.hosts.inline is not None
    first, second = fleet.hosts.inline
    assert (first.name, first.address, first.role, first.port) == ("web-1", "web-1", "default", None)
    assert (second.name, second.address, second.role, second.port) == ("web-2", "::1", "cart", 2222)


@pytest.mark.parametrize("name", ["../etc", "-oProxyCommand=x", "a b", "a/b", "", ".hidden", "a\\nb"])
def test_host_names_cannot_leave_their_directory_or_be_options(name: str) -> None:
    """Host names go into paths and command lines."""
    with pytest.raises(ConfigErrors):
        parse_hosts(f'[{{name: "{name}", address: x}}]', "hosts")


def test_hosts_of_an_inventory_are_read() -> None:
    """The output of a command may be JSON, and is checked like the list in cd.yaml."""
    hosts = parse_hosts('[{"name": "a", "address": "10.0.0.1", "role": "web"}, "b"]', "./inventory")
    assert [(host.name, host.address) for host in hosts] == [("a", "10.0.0.1"), ("b", "b")]
    with pytest.raises(ConfigErrors) as caught:
        parse_hosts("- name: a\n- adress: b\n", "./inventory")
    assert str(caught.value).splitlines() == [
        "./inventory:2: [1].name: is missing",
        "./inventory:2: [1].adress: unknown key, did you mean 'address'?",
    ]
    with pytest.raises(ConfigErrors, match="should be a list of hosts"):
        parse_hosts("", "./inventory")


def test_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    """A missing file and a wrong encoding are problems like others."""
    with pytest.raises(ConfigErrors, match=r"absent\.yaml: cannot be read: No such file"):
        load_master(tmp_path / "absent.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"# ok\ntrunk: {repository: gr\xfcn}\n")
    with pytest.raises(ConfigErrors, match=r"latin\.yaml:2: is not UTF-8"):
        load_master(tmp_path / "latin.yaml")


def test_a_file_is_loaded(tmp_path: Path) -> None:
    """A file on disk gives what its text gives, with or without a byte order mark."""
    (tmp_path / "cd.yaml").write_bytes(b"\xef\xbb\xbf" + FULL.encode())
    assert load_master(tmp_path / "cd.yaml") == parse_master(FULL)


@pytest.mark.parametrize("text", ["[]", "5", "trunk", "- trunk"])
def test_what_is_no_mapping_is_refused(text: str) -> None:
    """A file that is a list or a word is told so."""
    assert refusals(text) == ["cd.yaml:1: should be a mapping of keys to values"]


def test_an_empty_file_lacks_trunk() -> None:
    """The one section that must be there is named."""
    assert refusals("") == ["cd.yaml:1: trunk: is missing"]


PIECES = st.one_of(
    st.sampled_from(
        [":", "-", "{", "}", "[", "]", '"', "'", "\n", "  ", "*a", "&a ", "!!int ", "|", "~", "#", "%", "\t"]
    ),
    st.sampled_from(["all", "5%", "12m", "trunk", "hosts", "null", "-1", "1e9", "{name}", "<<: ", "\\ud800", "\x00"]),
    st.text(max_size=5),
)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """The sample with a few pieces cut out or put in, anywhere."""
    text = FULL
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        text = text[:start] + draw(PIECES) + text[start + draw(st.integers(0, 12)) :]
    return text


def problems_of(parse: Callable[[str], object], text: str) -> tuple[Problem, ...]:
    """What `parse` objects to in `text`; nothing if it takes it."""
    try:
        parse(text)
    except ConfigErrors as error:
        return error.problems
    return ()


@given(mutated())
def test_no_text_raises_anything_but_config_errors(text: str) -> None:
    """Whatever a file holds, the answer is a configuration or problems with their places."""
    lines = len(text.splitlines()) + 1
    for parse in (parse_master, parse_repository, lambda source: parse_hosts(source, "hosts")):
        problems = problems_of(parse, text)
        assert all(0 <= problem.line <= lines and problem.message for problem in problems)
        assert all(str(problem).encode() for problem in problems)


KEYS = st.sampled_from(
    ["trunk", "tests", "hosts", "rules", "tags", "source", "rollout", "name", "checks", "fleet", "x"]
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.just(0.5), st.sampled_from(["5%", "5s", "all", "x"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=15,
)


@given(st.dictionaries(st.sampled_from(list(parse_master(FULL).model_dump())), VALUES))
def test_no_values_raise_anything_but_config_errors(value: dict[str, object]) -> None:
    """Sections of the wrong shape are problems too."""
    text = repr(value).replace("None", "null").replace("True", "true").replace("False", "false")
    with contextlib.suppress(ConfigErrors):
        parse_master(text)
