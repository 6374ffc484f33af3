"""What is taken off a cart's price: the best single offer, never two at once."""

from decimal import Decimal

TABLE_SET = 6
TABLE_SHARE = Decimal("0.10")
VOLUME_FROM = Decimal("100.00")
VOLUME_SHARE = Decimal("0.05")
NOTHING = Decimal("0.00")


def table_set(lines):
    """A tenth off everything for the table, from six pieces on."""
    table = [(quantity, price) for product, quantity, price in lines if product.kind == "table"]
    if sum(quantity for quantity, _ in table) < TABLE_SET:
        return NOTHING
    return sum(price for _, price in table) * TABLE_SHARE


def volume(lines):
    """A twentieth off everything, from a hundred on."""
    goods = sum((price for _, _, price in lines), NOTHING)
    return goods * VOLUME_SHARE if goods >= VOLUME_FROM else NOTHING


def best(lines):
    """The discount that serves the visitor best."""
    return max(table_set(lines), volume(lines))
