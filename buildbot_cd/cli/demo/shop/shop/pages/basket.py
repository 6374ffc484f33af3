"""The cart as a page."""

from html import escape

from shop.pages.layout import page

HEADING = "Your cart"


def render(cart, offer):
    """What is in the cart and what it costs."""
    lines = cart.lines()
    if not lines:
        return page(HEADING, "<p>Your cart is empty.</p>", offer)
    rows = "".join(f"<tr><td>{quantity} x {escape(product.name)}</td><td>{price}</td></tr>" for product, quantity, price in lines)
    sums = f"<p>Shipping {cart.shipping()}, discount {cart.discount()}</p><p>Total <b>{cart.total()}</b></p>"
    return page(HEADING, f"<table>{rows}</table>{sums}", offer)
