"""From requests to answers. Knows nothing about sockets."""

import sys
import time
from collections import namedtuple
from urllib.parse import parse_qs

from shop import cart, catalogue, signup
from shop.metrics import Metrics
from shop.pages import basket, home, listing, offers, welcome

Request = namedtuple("Request", "method path query body")
Response = namedtuple("Response", "status body kind headers wait")

# The database is a few streets away: an answer that needs it takes this long, and nothing else waits meanwhile.
DATABASE_SECONDS = 0.02
HTML = "text/html; charset=utf-8"
TEXT = "text/plain; charset=utf-8"


def field(text, name):
    """One value of a query or a form; empty when it is not there."""
    return parse_qs(text).get(name, [""])[0]


class App:
    """One server's shop."""

    def __init__(self, release, clock=time.monotonic):
        self.release = release
        self.clock = clock
        self.metrics = Metrics(clock())
        self.catalogue = catalogue.load()
        self.members = signup.Members()
        self._routes = {
            ("GET", "/"): self._home,
            ("GET", "/catalogue"): self._listing,
            ("GET", "/cart"): self._cart,
            ("POST", "/signup"): self._signup,
            ("GET", "/healthz"): self._health,
            ("GET", "/metrics"): self._metrics,
        }

    def handle(self, request):
        """The answer to a request; what goes wrong inside is an answer too."""
        route = self._routes.get((request.method, request.path))
        if route is None:
            known = any(path == request.path for _, path in self._routes)
            return self._answer(405 if known else 404, "There is nothing here.\n", TEXT)
        try:
            return route(request)
        except Exception as error:
            print(f"500 {request.method} {request.path}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
            return self._answer(500, "Something went wrong.\n", TEXT, wait=DATABASE_SECONDS)

    def done(self, request, response, seconds):
        """Count an answered request; the machine's own questions are not visits."""
        if request.path not in ("/healthz", "/metrics"):
            self.metrics.record(response.status, seconds, self.clock())

    def _answer(self, status, body, kind=HTML, wait=0.0):
        return Response(status, body, kind, (("X-Release", self.release),), wait)

    def _page(self, body, status=200):
        return self._answer(status, body, HTML, DATABASE_SECONDS)

    def _offer(self):
        return offers.offer(self.catalogue, self.metrics.requests)

    def _home(self, request):
        return self._page(home.render(self.catalogue, self._offer()))

    def _listing(self, request):
        kind, words = field(request.query, "kind"), field(request.query, "q")
        products = self.catalogue.of_kind(kind) if kind else self.catalogue.search(words)
        return self._page(listing.render(products, self._offer()))

    def _cart(self, request):
        try:
            return self._page(basket.render(cart.parse(field(request.query, "items"), self.catalogue), self._offer()))
        except cart.CartError as error:
            return self._answer(400, f"{error}\n", TEXT, DATABASE_SECONDS)

    def _signup(self, request):
        offer = self._offer()
        try:
            card = self.members.sign_up(field(request.body, "email"))
        except signup.SignupError as error:
            return self._page(welcome.refused(str(error), offer), 400)
        self.metrics.signups += 1
        return self._page(welcome.render(card, offer))

    def _health(self, request):
        return self._answer(200, "ok\n", TEXT)

    def _metrics(self, request):
        return self._answer(200, self.metrics.text(self.clock()), "text/plain; version=0.0.4; charset=utf-8")
