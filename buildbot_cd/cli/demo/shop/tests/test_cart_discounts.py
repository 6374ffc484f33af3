"""What is taken off."""

import random
from decimal import Decimal

import pytest

from shop import cart

pytestmark = pytest.mark.tags("cart")


def filled(goods, text):
    return cart.parse(text, goods)


def test_no_discount_for_little(goods):
    assert filled(goods, "mug:5").discount() == 0


def test_table_set(goods):
    assert filled(goods, "plate:6").discount() == Decimal("5.70")


def test_table_set_of_different_pieces(goods):
    assert filled(goods, "plate:3,bowl:3").discount() == Decimal("5.33")


def test_volume(goods):
    assert filled(goods, "pot:2").discount() == Decimal("5.40")


def test_only_the_best_offer_counts(goods):
    assert filled(goods, "plate:6,pot:1").discount() == Decimal("5.70")


def test_a_discount_is_taken_off(goods):
    assert filled(goods, "pot:2").total() == Decimal("102.60")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_never_more_than_a_tenth(goods, seed):
    rng = random.Random(seed)
    names = [product.id for product in goods]
    for _ in range(7000):
        one = cart.Cart(goods)
        for name in rng.sample(names, 5):
            one.add(name, rng.randrange(1, 12))
        assert 0 <= one.discount() <= one.goods() / 10 + Decimal("0.01")
        assert one.total() > 0
