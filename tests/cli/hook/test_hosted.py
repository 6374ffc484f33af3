# SPDX-License-Identifier: GPL-2.0-only
"""Servers that run no hook of ours: what they send, through Buildbot's own change hooks, up to the gate's filter."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest
from buildbot.www.change_hook import ChangeHookResource
from twisted.internet import defer

from buildbot_cd.plugins.schedulers.gate import Gate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.cli.hook.conftest import Master, Server

SECRET = "between us"
SHA, OLD = "2" * 40, "1" * 40
REPOSITORY = "git@git.example.org:team/shop.git"
COMMIT = {
    "id": SHA,
    "message": "Add a discount",
    "timestamp": "2026-01-31T12:00:00+00:00",
    "url": f"https://git.example.org/team/shop/commit/{SHA}",
    "author": {"name": "Ada", "email": "ada@example.org", "username": "ada"},
    "committer": {"name": "Ada", "email": "ada@example.org", "username": "ada"},
    "added": ["cart/discount.py"],
    "modified": [],
    "removed": [],
}


def _github() -> tuple[dict[str, Any], dict[str, str]]:
    payload = {
        "ref": "refs/heads/main",
        "before": OLD,
        "after": SHA,
        "created": False,
        "deleted": False,
        "forced": False,
        "repository": {
            "name": "shop",
            "full_name": "team/shop",
            "html_url": "https://github.com/team/shop",
            "clone_url": "https://github.com/team/shop.git",
        },
        "pusher": {"name": "ada", "email": "ada@example.org"},
        "sender": {"login": "ada"},
        "head_commit": {**COMMIT, "distinct": True},
        "commits": [{**COMMIT, "distinct": True}],
    }
    return payload, {"X-GitHub-Event": "push", "X-Hub-Signature": "sha1", "X-Hub-Signature-256": "sha256"}


def _gitea() -> tuple[dict[str, Any], dict[str, str]]:
    payload = {
        "ref": "refs/heads/main",
        "before": OLD,
        "after": SHA,
        "compare_url": f"https://gitea.example.org/team/shop/compare/{OLD}...{SHA}",
        "commits": [{**COMMIT, "verification": None}],
        "total_commits": 1,
        "head_commit": {**COMMIT, "verification": None},
        "repository": {
            "id": 1,
            "name": "shop",
            "full_name": "team/shop",
            "html_url": "https://gitea.example.org/team/shop",
            "ssh_url": "git@gitea.example.org:team/shop.git",
        },
        "pusher": {"login": "ada", "email": "ada@example.org"},
        "sender": {"login": "ada"},
    }
    headers = {"X-Gitea-Event": "push", "X-GitHub-Event": "push", "X-Gitea-Signature": "plain"}
    return payload, {**headers, "X-Hub-Signature": "sha1", "X-Hub-Signature-256": "sha256"}


def _gitlab() -> tuple[dict[str, Any], dict[str, str]]:
    payload = {
        "object_kind": "push",
        "event_name": "push",
        "before": OLD,
        "after": SHA,
        "ref": "refs/heads/main",
        "checkout_sha": SHA,
        "user_name": "Ada",
        "user_username": "ada",
        "project": {"name": "shop", "path_with_namespace": "team/shop"},
        "repository": {
            "name": "shop",
            "url": "git@gitlab.example.org:team/shop.git",
            "git_http_url": "https://gitlab.example.org/team/shop.git",
            "git_ssh_url": "git@gitlab.example.org:team/shop.git",
        },
        "commits": [COMMIT],
        "total_commits_count": 1,
    }
    return payload, {"X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": "token"}


def _bitbucket_cloud() -> tuple[dict[str, Any], dict[str, str]]:
    payload = {
        "actor": {"display_name": "Ada", "nickname": "ada"},
        "repository": {
            "scm": "git",
            "name": "shop",
            "full_name": "team/shop",
            "project": {"name": "Shop"},
            "links": {
                "self": {"href": "https://api.bitbucket.org/2.0/repositories/team/shop"},
                "html": {"href": "https://bitbucket.org/team/shop"},
            },
        },
        "push": {
            "changes": [
                {
                    "old": {"type": "branch", "name": "main", "target": {"hash": OLD}},
                    "new": {"type": "branch", "name": "main", "target": {"hash": SHA}},
                }
            ]
        },
    }
    return payload, {"X-Event-Key": "repo:push"}


def _bitbucket_server() -> tuple[dict[str, Any], dict[str, str]]:
    payload = {
        "actor": {"username": "ada", "displayName": "Ada"},
        "repository": {
            "scmId": "git",
            "slug": "shop",
            "name": "shop",
            "fullName": "TEAM/shop",
            "project": {"key": "TEAM", "name": "Team"},
            "links": {"self": [{"href": "https://bitbucket.example.org/projects/TEAM/repos/shop/browse"}]},
        },
        "push": {
            "changes": [
                {
                    "old": {"type": "branch", "name": "main", "target": {"hash": OLD}},
                    "new": {"type": "branch", "name": "main", "target": {"hash": SHA}},
                }
            ]
        },
    }
    return payload, {"X-Event-Key": "repo:refs_changed"}


DIALECTS: dict[str, Any] = {
    "base": True,
    "github": {"secret": SECRET, "strict": True},
    "gitlab": {"secret": SECRET},
    "bitbucketcloud": True,
    "bitbucketserver": True,
}
SERVERS = {
    "GitHub": ("github", _github),
    "Gitea": ("github", _gitea),
    "GitLab": ("gitlab", _gitlab),
    "Bitbucket Cloud": ("bitbucketcloud", _bitbucket_cloud),
    "Bitbucket Server": ("bitbucketserver", _bitbucket_server),
}


class Request:
    """As much of twisted.web's request as the hooks look at."""

    def __init__(self, dialect: str, body: bytes, headers: Mapping[str, str], kind: str = "application/json") -> None:
        self.uri = f"/change_hook/{dialect}".encode()
        self.content = io.BytesIO(body)
        self.args = {
            name.encode(): [one.encode() for one in values] for name, values in parse_qs(body.decode()).items()
        }
        self._headers = {"content-type": kind, **{name.lower(): value for name, value in headers.items()}}

    def getHeader(self, name: bytes) -> bytes | None:
        """The header's value."""
        found = self._headers.get(name.decode().lower())
        return None if found is None else found.encode()


def _signed(body: bytes, headers: Mapping[str, str], secret: str) -> dict[str, str]:
    """The headers, with what each server makes of the secret in place of the method's name."""

    def value(how: str) -> str:
        if how in ("sha1", "sha256", "plain"):
            digest = hmac.new(secret.encode(), body, hashlib.sha1 if how == "sha1" else hashlib.sha256).hexdigest()
            return digest if how == "plain" else f"{how}={digest}"
        return secret if how == "token" else how

    return {name: value(how) for name, how in headers.items()}


def _changes(request: Request) -> list[dict[str, Any]]:
    """What the change hook makes of a request. Raises what it raises, which it answers with status 400."""
    master = SimpleNamespace(config=SimpleNamespace(), www=None)
    hook = ChangeHookResource.__new__(ChangeHookResource)
    hook.master = master
    hook.dialects, hook._dialect_handlers = DIALECTS, {}
    from buildbot.plugins.db import get_plugins

    hook._plugins = get_plugins("webhooks")
    found: list[Any] = []
    defer.maybeDeferred(hook.getChanges, request).addBoth(found.append)
    (result,) = found
    if not isinstance(result, tuple):
        result.raiseException()
    return list(result[0])


def _reaches_the_gate(change: Mapping[str, Any], branch: str = "main", repository: str = REPOSITORY) -> bool:
    gate = Gate.__new__(Gate)
    gate.branch, gate.repository = branch, repository
    fields = {"category": None, "codebase": "", "project": "", "properties": {}, **change}
    return bool(gate.wanted().filter_change(SimpleNamespace(**fields)))


def _request(name: str, secret: str = SECRET, **more: Any) -> Request:
    dialect, make = SERVERS[name]
    payload, headers = make()
    body = json.dumps({**payload, **more}).encode()
    return Request(dialect, body, _signed(body, headers, secret))


@pytest.mark.parametrize("name", SERVERS)
def test_a_push_to_trunk_reaches_the_gate(name: str) -> None:
    """The server's own payload, through the stock hook, is a change that makes the gate look at trunk."""
    (change,) = _changes(_request(name))
    assert change["revision"] == SHA
    assert _reaches_the_gate(change)


@pytest.mark.parametrize("name", SERVERS)
def test_another_trunk_does_not_hear_of_it(name: str) -> None:
    """Neither a gate of another branch nor one of another repository."""
    (change,) = _changes(_request(name))
    assert not _reaches_the_gate(change, branch="release")
    assert not _reaches_the_gate(change, repository="git@git.example.org:team/other.git")


@pytest.mark.parametrize("name", ["GitHub", "Gitea", "GitLab"])
def test_a_wrong_signature_is_refused(name: str) -> None:
    """Who does not know the secret changes nothing."""
    with pytest.raises(ValueError, match=r"Hash mismatch|Invalid secret"):
        _changes(_request(name, secret="guessed"))


@pytest.mark.parametrize("name", ["GitHub", "Gitea", "GitLab"])
def test_no_signature_is_refused(name: str) -> None:
    """Nor does who leaves it out."""
    dialect, make = SERVERS[name]
    payload, headers = make()
    kept = {key: value for key, value in headers.items() if value not in ("sha1", "sha256", "plain", "token")}
    with pytest.raises(ValueError, match=r"no required signature|Invalid secret"):
        _changes(Request(dialect, json.dumps(payload).encode(), kept))


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"[]", b'{"ref": 3}', b"\xff\xfe"])
@pytest.mark.parametrize("name", ["GitHub", "GitLab"])
def test_a_broken_body_is_an_error_and_no_change(name: str, body: bytes) -> None:
    """It is answered with an error; nothing of it reaches the gate."""
    dialect, make = SERVERS[name]
    request = Request(dialect, b"", {})
    request.content = io.BytesIO(body)
    headers = {key.lower(): value for key, value in _signed(body, make()[1], SECRET).items()}
    request._headers |= headers
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        _changes(request)


def test_our_own_post_receive_reaches_the_gate(server: Server, master: Master) -> None:
    """What the hook on a plain server sends is a change for Buildbot's base hook, with the push identity."""
    server.install("post-receive")
    sha = server.commit("Add a discount")
    assert server.git("push", "-o", "x=1", "origin", "main", CD_PUSHER="ada@example.org").returncode == 0
    ((_, path, _, body),) = master.seen
    request = Request(path.rsplit("/", 1)[-1], body, {}, kind="application/x-www-form-urlencoded")
    (change,) = _changes(request)
    assert change["revision"] == sha
    assert change["properties"]["cd_pusher"] == "ada@example.org"
    assert change["properties"]["cd_push_options"] == ["x=1"]
    assert _reaches_the_gate(change)
