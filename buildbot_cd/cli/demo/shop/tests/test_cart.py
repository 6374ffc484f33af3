"""What a visitor wants to buy."""

import random
from decimal import Decimal

import pytest

from shop import cart

pytestmark = pytest.mark.tags("cart")


@pytest.fixture
def basket(goods):
    return cart.Cart(goods)


def test_new_cart_is_empty(basket):
    assert basket.lines() == []
    assert basket.total() == 0


def test_add_one(basket):
    basket.add("mug")
    assert basket.goods() == Decimal("7.90")


def test_quantity_counts(basket):
    basket.add("mug", 3)
    assert basket.goods() == Decimal("23.70")


def test_adding_again_adds_up(basket):
    basket.add("mug")
    basket.add("mug", 2)
    assert [(product.id, quantity) for product, quantity, _ in basket.lines()] == [("mug", 3)]


def test_remove(basket):
    basket.add("mug", 2)
    basket.add("pan")
    basket.remove("mug")
    assert [product.id for product, _, _ in basket.lines()] == ["pan"]


def test_remove_what_is_not_there(basket):
    basket.remove("mug")
    assert basket.lines() == []


def test_unknown_product(basket):
    with pytest.raises(cart.CartError, match="submarine"):
        basket.add("submarine")


@pytest.mark.parametrize("quantity", [0, -1])
def test_quantity_must_be_positive(basket, quantity):
    with pytest.raises(cart.CartError):
        basket.add("mug", quantity)


def test_quantity_has_a_limit(basket):
    basket.add("mug", cart.MAX_QUANTITY)
    with pytest.raises(cart.CartError, match="at most"):
        basket.add("mug")


def test_small_carts_pay_shipping(basket):
    basket.add("mug")
    assert basket.total() == Decimal("7.90") + cart.SHIPPING


def test_big_carts_do_not_pay_shipping(basket):
    basket.add("pan", 2)
    assert basket.shipping() == 0


def test_empty_cart_pays_no_shipping(basket):
    assert basket.shipping() == 0


def test_parse(goods):
    assert cart.parse("mug:2,pan", goods).goods() == Decimal("54.80")


def test_parse_nothing(goods):
    assert cart.parse("", goods).lines() == []


@pytest.mark.parametrize("text", ["mug:two", "mug:-1", "mug:1.5"])
def test_parse_refuses_odd_quantities(goods, text):
    with pytest.raises(cart.CartError, match="not a number"):
        cart.parse(text, goods)


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_what_is_written_is_read_again(goods, seed):
    rng = random.Random(seed)
    names = [product.id for product in goods]
    for _ in range(4000):
        one = cart.Cart(goods)
        for name in rng.sample(names, rng.randrange(len(names))):
            one.add(name, rng.randrange(1, 9))
        again = cart.parse(cart.write(one), goods)
        assert again.lines() == one.lines()
        assert again.total() == one.total()


@pytest.mark.parametrize("seed", [5, 6])
def test_total_does_not_depend_on_the_order(goods, seed):
    rng = random.Random(seed)
    names = [product.id for product in goods]
    for _ in range(5000):
        chosen = [(name, rng.randrange(1, 9)) for name in rng.sample(names, 6)]
        totals = []
        for order in (chosen, chosen[::-1]):
            one = cart.Cart(goods)
            for name, quantity in order:
                one.add(name, quantity)
            totals.append(one.total())
        assert totals[0] == totals[1]
