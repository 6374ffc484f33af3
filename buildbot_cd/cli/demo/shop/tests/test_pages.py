"""The pages."""

import html.parser

import pytest

from shop import cart, catalogue
from shop.pages import basket, home, listing, offers, style, welcome

pytestmark = pytest.mark.tags("pages")


class Balance(html.parser.HTMLParser):
    """Finds tags that are not closed."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "input", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag


def balanced(text):
    checker = Balance()
    checker.feed(text)
    return not checker.open


@pytest.fixture
def offer(goods):
    return offers.offer(goods, 0)


def test_home_greets(goods, offer):
    assert home.GREETING in home.render(goods, offer)


def test_home_has_the_button(goods, offer):
    assert 'class="button"' in home.render(goods, offer)


def test_home_links_every_kind(goods, offer):
    page = home.render(goods, offer)
    assert all(f"kind={kind}" in page for kind in goods.kinds())


def test_listing_has_a_row_each_product(goods, offer):
    assert listing.render(list(goods), offer).count("<tr>") == len(goods)


def test_listing_of_nothing(offer):
    assert "Nothing found" in listing.render([], offer)


def test_names_are_text(offer):
    bad = catalogue.Product("x", "<script>", 1, "table")
    assert "<script>" not in listing.render([bad], offer)


def test_empty_cart(goods, offer):
    assert "empty" in basket.render(cart.Cart(goods), offer)


def test_cart_shows_the_total(goods, offer):
    one = cart.parse("pot:2", goods)
    assert str(one.total()) in basket.render(one, offer)


def test_welcome_shows_the_card(offer):
    assert "10009" in welcome.render("10009", offer)


def test_refusal_says_why(offer):
    assert "no address" in welcome.refused("no address", offer)


def test_the_first_offer_is_sold_here(goods):
    assert offers.offer(goods, 0) in list(goods)


def test_style_has_a_button():
    assert ".button" in style.sheet()


@pytest.mark.parametrize("part", ["home", "listing", "basket"])
def test_pages_are_balanced(goods, offer, part):
    for size in range(1, 36):
        pages = {
            "home": lambda: home.render(goods, offer),
            "listing": lambda size=size: listing.render(list(goods) * size, offer),
            "basket": lambda size=size: basket.render(cart.parse(f"mug:{size},pot", goods), offer),
        }
        assert balanced(pages[part]())


@pytest.mark.parametrize("size", [40000, 60000])
def test_long_listings(offer, size):
    products = [catalogue.Product(f"p{n}", f"Thing & {n}", n, "table") for n in range(size)]
    assert listing.render(products, offer).count("&amp;") == size
