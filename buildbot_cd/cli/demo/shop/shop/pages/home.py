"""The first page."""

from html import escape

from shop.pages.layout import page

GREETING = "Everything for your kitchen"


def render(catalogue, offer):
    """The greeting, the kinds of things, and the button that the shop lives from."""
    kinds = "".join(f'<li><a href="/catalogue?kind={escape(kind)}">{escape(kind)}</a></li>' for kind in catalogue.kinds())
    form = (
        '<form method="post" action="/signup"><input name="email" type="email" placeholder="you@example.org">'
        '<button class="button">Become a member</button></form>'
    )
    return page(GREETING, f"<ul>{kinds}</ul>\n{form}", offer)
