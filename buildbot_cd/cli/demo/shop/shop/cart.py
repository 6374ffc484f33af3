"""What a visitor wants to buy."""

from decimal import ROUND_HALF_UP, Decimal

from shop import cart_discounts

MAX_QUANTITY = 99
FREE_SHIPPING_FROM = Decimal("60.00")
SHIPPING = Decimal("4.90")
CENT = Decimal("0.01")


class CartError(ValueError):
    """A cart that cannot be filled as asked."""


class Cart:
    """Quantities of products, in the order in which they were put in."""

    def __init__(self, catalogue):
        self._catalogue = catalogue
        self._quantities = {}

    def add(self, product_id, quantity=1):
        """Put some of a product in."""
        if product_id not in self._catalogue:
            raise CartError(f"there is no {product_id!r} in this shop")
        if quantity < 1:
            raise CartError(f"{quantity} of {product_id} cannot be bought")
        total = self._quantities.get(product_id, 0) + quantity
        if total > MAX_QUANTITY:
            raise CartError(f"at most {MAX_QUANTITY} of {product_id} in one cart")
        self._quantities[product_id] = total

    def remove(self, product_id):
        """Take a product out, however many there are."""
        self._quantities.pop(product_id, None)

    def lines(self):
        """(product, quantity, price of the line), one each product."""
        products = ((self._catalogue[name], quantity) for name, quantity in self._quantities.items())
        return [(product, quantity, product.price * quantity) for product, quantity in products]

    def goods(self):
        """The price of all goods, before discounts and shipping."""
        return sum((price for _, _, price in self.lines()), Decimal("0.00"))

    def discount(self):
        """What is taken off the goods' price."""
        return cart_discounts.best(self.lines()).quantize(CENT, ROUND_HALF_UP)

    def shipping(self):
        """What the parcel costs; nothing for an empty cart."""
        goods = self.goods()
        return SHIPPING if 0 < goods < FREE_SHIPPING_FROM else Decimal("0.00")

    def total(self):
        """What the visitor pays."""
        return self.goods() - self.discount() + self.shipping()


def parse(text, catalogue):
    """The cart in a link, as in ``teapot:2,mug``."""
    cart = Cart(catalogue)
    for item in filter(None, text.split(",")):
        name, _, quantity = item.partition(":")
        if quantity and not quantity.isdecimal():
            raise CartError(f"{quantity!r} is not a number of things")
        cart.add(name, int(quantity or "1"))
    return cart


def write(cart):
    """The link text of a cart; :func:`parse` reads it."""
    return ",".join(f"{product.id}:{quantity}" for product, quantity, _ in cart.lines())
