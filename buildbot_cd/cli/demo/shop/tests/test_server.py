"""Requests and answers."""

import pytest

from shop import wire
from shop.app import Request, Response

pytestmark = pytest.mark.tags("server")


@pytest.mark.parametrize("path", ["/", "/catalogue", "/catalogue?kind=table", "/catalogue?q=tea", "/cart?items=mug:2"])
def test_pages_answer(get, path):
    assert get(path).status == 200


def test_unknown_path(get):
    assert get("/submarines").status == 404


def test_wrong_method(post):
    assert post("/", "").status == 405


@pytest.mark.tags("cart")
def test_bad_cart(get):
    assert get("/cart?items=submarine").status == 400


@pytest.mark.tags("signup")
def test_signup(app, post):
    assert post("/signup", "email=ada%40example.org").status == 200
    assert app.metrics.signups == 1


@pytest.mark.tags("signup")
def test_bad_signup(app, post):
    assert post("/signup", "email=ada").status == 400
    assert app.metrics.signups == 0


def test_health_names_the_release(get):
    assert ("X-Release", "r1") in get("/healthz").headers


def test_metrics_count_visits(app, get):
    request = Request("GET", "/", "", "")
    app.done(request, get("/"), 0.25)
    text = get("/metrics").body
    assert "http_requests_total 1\n" in text
    assert "request_seconds_mean 0.25\n" in text


def test_metrics_do_not_count_the_scraper(app, get):
    app.done(Request("GET", "/metrics", "", ""), get("/metrics"), 0.1)
    assert "http_requests_total 0\n" in get("/metrics").body


def test_an_error_is_an_answer(app, get):
    app.catalogue = None
    answer = get("/catalogue")
    assert answer.status == 500
    app.done(Request("GET", "/catalogue", "", ""), answer, 0.1)
    assert "http_errors_total 1\n" in get("/metrics").body


def test_half_a_request_waits():
    assert wire.parse(b"GET / HTTP/1.1\r\nHost: x\r\n") is None


def test_request_with_a_body():
    data = b"POST /signup?x=1 HTTP/1.1\r\nContent-Length: 3\r\n\r\na=b"
    assert wire.parse(data) == Request("POST", "/signup", "x=1", "a=b")


@pytest.mark.parametrize("data", [b"hello\r\n\r\n", b"GET x HTTP/1.1\r\n\r\n", b"A" * 70000, b"\xff / H\r\n\r\n"])
def test_what_is_no_request(data):
    with pytest.raises(wire.BadRequest):
        wire.parse(data)


def test_encoded_answer():
    data = wire.encode(Response(200, "ok\n", "text/plain", (("X-Release", "r1"),), 0.0))
    assert data.startswith(b"HTTP/1.1 200 OK\r\nX-Release: r1\r\n")
    assert data.endswith(b"\r\n\r\nok\n")
