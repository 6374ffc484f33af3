# SPDX-License-Identifier: GPL-2.0-only
"""The data API's client. It signs in with a name and a password from a file, and keeps the session in memory only."""

from __future__ import annotations

import argparse
import base64
import http.client
import http.cookiejar
import json
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

from buildbot_cd.errors import CdError, ControlRefused

SECONDS = 20.0
URL = "BUILDBOT_CD_URL"
USER = "BUILDBOT_CD_USER"
PASSWORD = "BUILDBOT_CD_PASSWORD_FILE"  # noqa: S105 - the name of the variable that names a file

LOCAL = ("127.0.0.1", "localhost", "::1")

Row = dict[str, Any]


def options(parser: argparse.ArgumentParser) -> None:
    """The options of every command that asks a master; their defaults come from the environment."""
    where = os.environ.get(URL, "http://127.0.0.1:8010/")
    parser.add_argument(
        "--master", metavar="URL", default=where, help=f"the master's pages (default: ${URL}, else {where})"
    )
    parser.add_argument("--user", metavar="NAME", default=os.environ.get(USER), help=f"who asks (default: ${USER})")
    parser.add_argument(
        "--password-file",
        metavar="FILE",
        type=Path,
        default=Path(os.environ[PASSWORD]) if PASSWORD in os.environ else None,
        help=f"a file that holds the password (default: ${PASSWORD})",
    )
    parser.add_argument("--gate", metavar="NAME", help="which gate; needed only where the master has several")
    parser.add_argument("--json", action="store_true", help="print JSON, as the data API gives it")


class Unreachable(CdError):
    """No master answers; ``what`` says so without the ways out that most commands have."""

    def __init__(self, url: str, error: OSError) -> None:
        self.what = f"no master answers at {url} ({getattr(error, 'reason', error)})"
        super().__init__(f"{self.what}: start it, or name it with --master or {URL}")


class Client:
    """Asks one master. Raises CdError with place and remedy where it does not answer."""

    def __init__(self, url: str, user: str | None = None, password_file: Path | None = None) -> None:
        if not url.startswith(("http://", "https://")):
            raise CdError(f"--master {url}: should begin with http:// or https://")
        self.url = url.rstrip("/")
        handlers: list[urllib.request.BaseHandler] = [urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())]
        if urlsplit(url).hostname in LOCAL:
            handlers.append(urllib.request.ProxyHandler({}))  # no proxy leads to this machine itself
        self._opener = urllib.request.build_opener(*handlers)
        if user is not None:
            self._sign_in(user, _password(user, password_file))

    @classmethod
    def of(cls, given: argparse.Namespace) -> Client:
        """The client that `options` describe."""
        return cls(given.master, given.user, given.password_file)

    def rows(self, path: str, key: str, **query: object) -> list[Row]:
        """What is under ``cd/<path>``, as the rows of ``key``."""
        rows = self.get(f"cd/{path}", **query).get(key)
        if not isinstance(rows, list):
            raise CdError(f"{self.url} is no master with continuous deployment: its answer has no {key!r}")
        return rows

    def get(self, path: str, **query: object) -> dict[str, Any]:
        """What any part of Buildbot's own data API answers."""
        text = f"?{urlencode(query, doseq=True)}" if query else ""
        return self._open(urllib.request.Request(f"{self.url}/api/v2/{quote(path)}{text}"))  # noqa: S310 - http(s) only

    def gate(self, name: str | None = None) -> Row:
        """The gate of that name, or the only one."""
        every = self.rows("gates", "gates")
        found = [one for one in every if name in (None, one["name"])]
        if len(found) != 1:
            names = ", ".join(str(one["name"]) for one in every) or "none"
            raise CdError(f"name the gate with --gate; this master has {names}")
        return found[0]

    def act(self, path: str, action: str, **params: object) -> Row:
        """Order something. Raises ControlRefused with the master's own sentence."""
        wanted = {name: value for name, value in params.items() if value is not None}
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": action, "params": wanted}).encode()
        request = urllib.request.Request(  # noqa: S310 - http(s) only
            f"{self.url}/api/v2/cd/{quote(path)}", body, {"content-type": "application/json"}
        )
        answer = self._open(request)
        result: Row = answer["result"] if isinstance(answer.get("result"), dict) else {}
        return result

    def _sign_in(self, user: str, password: str) -> None:
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        request = urllib.request.Request(f"{self.url}/auth/login", headers={"Authorization": f"Basic {token}"})  # noqa: S310
        try:
            try:
                self._opener.open(request, timeout=SECONDS).close()
            except ConnectionError:  # as in `_open`
                self._opener.open(request, timeout=SECONDS).close()
        except urllib.error.HTTPError as error:
            if error.code in (401, 403):
                raise CdError(f"{self.url} does not take {user} with that password") from error
            raise CdError(f"signing in at {self.url} failed: {error}") from error
        except OSError as error:
            raise Unreachable(self.url, error) from error

    def _open(self, request: urllib.request.Request) -> dict[str, Any]:
        """The answer. A busy master sometimes breaks one off, for Buildbot writes answers from a thread, which Twisted
        does not allow: what was only a question is asked once more.
        """
        try:
            return self._ask(request)
        except (http.client.HTTPException, ConnectionError) as error:
            if request.data is not None:
                raise CdError(f"{request.full_url} broke off its answer: look whether the order was done") from error
        try:
            return self._ask(request)
        except (http.client.HTTPException, ConnectionError) as error:
            raise CdError(f"{request.full_url} breaks off its answers: is the master well?") from error

    def _ask(self, request: urllib.request.Request) -> dict[str, Any]:
        try:
            with self._opener.open(request, timeout=SECONDS) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            raise _refusal(request.full_url, error) from error
        except (http.client.HTTPException, ConnectionError):
            raise
        except OSError as error:
            raise Unreachable(self.url, error) from error
        except (ValueError, TypeError) as error:
            raise CdError(f"{request.full_url} does not answer in JSON: is this a Buildbot master?") from error


def _password(user: str, file: Path | None) -> str:
    if file is None:
        raise CdError(f"--user {user} needs --password-file FILE, or {PASSWORD} in the environment")
    try:
        return file.read_text("utf-8").strip()
    except (OSError, UnicodeError) as error:
        raise CdError(f"--password-file {file} cannot be read: {error}") from error


def _nothing(url: str) -> str:
    """What it means that an address of the data API is not there."""
    master, _, path = url.partition("/api/v2/")
    words = [unquote(one) for one in urlsplit(path).path.split("/")]
    if words[0] == "cd" and len(words) > 2:
        return f"there is no {words[1].removesuffix('s')} {words[2]} at {master}"
    return f"{master} is no master with continuous deployment, or --master names another server"


def _refusal(url: str, error: urllib.error.HTTPError) -> CdError:
    """The sentence in a refusal; Buildbot puts it into ``error``, as a text or as JSON-RPC's object."""
    try:
        told = json.loads(error.read(100_000)).get("error")
    except (ValueError, AttributeError):
        told = None
    text = told.get("message") if isinstance(told, dict) else told
    sentence = str(text or error.reason)
    if error.code == 404:
        return CdError(_nothing(url))
    if error.code == 403:
        return ControlRefused(f"{sentence} (sign in with --user and --password-file)")
    return ControlRefused(sentence) if isinstance(told, dict) else CdError(f"{url}: {sentence}")
