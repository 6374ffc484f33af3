"""What the shop sells."""

from decimal import Decimal

import pytest

from shop import catalogue

pytestmark = pytest.mark.tags("catalogue")


def big(count):
    kinds = ("kitchen", "table", "linen", "home", "garden")
    lines = ["id,name,price,kind"]
    lines += [f"p{n},Thing {n * 7919 % count} no {n},{1 + n * 31 % 997}.50,{kinds[n % 5]}" for n in range(count)]
    return lines


def test_has_products(goods):
    assert len(goods) >= 16


def test_every_product_has_a_name_and_a_price(goods):
    assert all(product.name and product.price > 0 for product in goods)


def test_contains(goods):
    assert "kettle" in goods
    assert "submarine" not in goods


def test_kinds_are_listed_once(goods):
    assert len(goods.kinds()) == len(set(goods.kinds()))


def test_of_kind(goods):
    assert {product.kind for product in goods.of_kind("table")} == {"table"}


def test_of_unknown_kind_is_empty(goods):
    assert goods.of_kind("boats") == []


def test_search_ignores_case(goods):
    assert [product.id for product in goods.search("KETTLE")] == ["kettle"]


def test_search_needs_every_word(goods):
    assert goods.search("tea boat") == []


def test_search_puts_names_that_start_so_first(goods):
    assert goods.search("tea")[0].name.startswith("Tea")


def test_empty_search_finds_all(goods):
    assert len(goods.search("")) == len(goods)


def test_cheapest(goods):
    prices = [product.price for product in goods.cheapest(3)]
    assert prices == sorted(product.price for product in goods)[:3]


def test_price_must_be_a_number():
    with pytest.raises(catalogue.CatalogueError, match="line 2"):
        catalogue.parse(["id,name,price,kind", "a,A,cheap,table"])


def test_price_must_be_positive():
    with pytest.raises(catalogue.CatalogueError, match="would cost"):
        catalogue.parse(["id,name,price,kind", "a,A,0,table"])


def test_product_listed_twice():
    with pytest.raises(catalogue.CatalogueError, match="twice"):
        catalogue.parse(["id,name,price,kind", "a,A,1,table", "a,B,2,table"])


def test_prices_are_exact():
    assert catalogue.parse(["id,name,price,kind", "a,A,0.10,table"])["a"].price * 3 == Decimal("0.30")


@pytest.mark.parametrize("word", ["thing 7", "kitchen", "garden no 9"])
def test_search_in_a_big_catalogue(word):
    many = catalogue.parse(big(40000))
    found = many.search(word)
    assert found
    assert all(part in f"{product.name} {product.kind}".lower() for product in found for part in word.split())


def test_cheapest_of_a_big_catalogue():
    many = catalogue.parse(big(60000))
    assert [product.price for product in many.cheapest(50)] == sorted(product.price for product in many)[:50]
