# SPDX-License-Identifier: GPL-2.0-only
import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildbot_cd.core.rollout import Host, parse_inventory
from buildbot_cd.errors import ConfigError

NAMES = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,12}", fullmatch=True)
HOSTS = st.lists(st.builds(Host, NAMES, NAMES, NAMES), min_size=1, max_size=20, unique_by=lambda host: host.name)


def test_lines_with_comments_and_roles() -> None:
    """Lines hold name, address and maybe a role; comments and empty lines are skipped."""
    text = "# the shop\nweb-1 10.0.0.1 web\n\nweb-2 10.0.0.2  # no role\nv6 2001:db8::1 web\n"
    expected = (Host("web-1", "10.0.0.1", "web"), Host("web-2", "10.0.0.2"), Host("v6", "2001:db8::1", "web"))
    assert parse_inventory(text) == expected


@given(HOSTS)
def test_both_forms_give_what_was_written(hosts: list[Host]) -> None:
    """Lines, JSON text and a decoded list all give back the hosts in their order."""
    entries = [{"name": h.name, "address": h.address, "role": h.role} for h in hosts]
    lines = "\n".join(f"{h.name} {h.address} {h.role}" for h in hosts)
    assert parse_inventory(lines) == parse_inventory(json.dumps(entries)) == parse_inventory(entries) == tuple(hosts)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("a 1.1.1.1\nb\n", "inventory line 2: expected 'name address"),
        ("a 1.1.1.1\nb 1.1.1.2\na 1.1.1.3", "inventory line 3: host 'a' is there twice, first at inventory line 1"),
        ("a 1.1.1.1\n../etc 1.1.1.2", "inventory line 2: host name '../etc'"),
        ("a -oProxyCommand=x", "inventory line 1: address of host a"),
        ("a 1.1.1.1 we$b", "inventory line 1: role of host a"),
        ('[{"name": "a",\n "address" 3}]', "inventory line 2: not valid JSON"),
        ('[{"name": "a", "adress": "x"}]', "inventory entry 1: unknown key 'adress'; did you mean 'address'"),
        ('[{"name": "a"}]', "inventory entry 1: address missing"),
        ([{"name": "a", "address": 7}], "inventory entry 1: address of host a 7"),
        (["a"], "inventory entry 1: expected an object"),
        ("# nobody\n", "no hosts"),
    ],
)
def test_errors_name_the_place(source: object, words: str) -> None:
    """What cannot be used is refused with its line or entry."""
    with pytest.raises(ConfigError) as caught:
        parse_inventory(source)  # type: ignore[arg-type]
    assert words in str(caught.value)


@given(st.text(max_size=60))
def test_any_text_gives_hosts_or_a_config_error(text: str) -> None:
    """No text, however odd, ends in another error."""
    with contextlib.suppress(ConfigError):
        assert parse_inventory(text)
