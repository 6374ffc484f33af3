"""What the shop sells."""

import csv
import os
from collections import namedtuple
from decimal import Decimal, InvalidOperation

Product = namedtuple("Product", "id name price kind")

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data", "products.csv")


class CatalogueError(ValueError):
    """A catalogue file that cannot be sold from."""


class Catalogue:
    """The products by id, in the order of the file."""

    def __init__(self, products):
        self._by_id = {}
        for product in products:
            if product.id in self._by_id:
                raise CatalogueError(f"product {product.id!r} is listed twice")
            self._by_id[product.id] = product

    def __len__(self):
        return len(self._by_id)

    def __iter__(self):
        return iter(self._by_id.values())

    def __contains__(self, product_id):
        return product_id in self._by_id

    def __getitem__(self, product_id):
        return self._by_id[product_id]

    def kinds(self):
        """The kinds of things sold, each once, in the order of the file."""
        return list(dict.fromkeys(product.kind for product in self))

    def of_kind(self, kind):
        """The products of one kind."""
        return [product for product in self if product.kind == kind]

    def search(self, words):
        """The products whose name or kind holds every word, whatever its case; the best match first."""
        wanted = words.lower().split()
        found = []
        for product in self:
            text = f"{product.name} {product.kind}".lower()
            if all(word in text for word in wanted):
                at_start = sum(product.name.lower().startswith(word) for word in wanted)
                found.append((-at_start, product.name, product))
        return [product for _, _, product in sorted(found, key=lambda hit: hit[:2])]

    def cheapest(self, count):
        """The cheapest products, cheapest first."""
        return sorted(self, key=lambda product: (product.price, product.id))[:count]


def parse(lines):
    """The catalogue in CSV lines with the columns id, name, price and kind."""
    products = []
    for number, row in enumerate(csv.DictReader(lines), start=2):
        try:
            price = Decimal(row["price"])
        except (InvalidOperation, TypeError, KeyError):
            raise CatalogueError(f"line {number}: no price in {row}") from None
        if price <= 0:
            raise CatalogueError(f"line {number}: {row['id']} would cost {price}")
        products.append(Product(row["id"], row["name"], price, row["kind"]))
    return Catalogue(products)


def load(path=DATA):
    """The shop's own catalogue."""
    with open(path, encoding="utf-8", newline="") as lines:
        return parse(lines)
