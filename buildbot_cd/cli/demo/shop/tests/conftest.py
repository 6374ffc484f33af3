"""What the tests share."""

import pytest

from shop import catalogue
from shop.app import App, Request


@pytest.fixture(scope="session")
def goods():
    """The shop's own catalogue."""
    return catalogue.load()


@pytest.fixture
def app():
    """A shop whose clock stands still."""
    return App("r1", clock=lambda: 100.0)


@pytest.fixture
def get(app):
    """GET a path from the shop."""

    def get(path):
        path, _, query = path.partition("?")
        return app.handle(Request("GET", path, query, ""))

    return get


@pytest.fixture
def post(app):
    """POST a form to the shop."""
    return lambda path, body: app.handle(Request("POST", path, "", body))
