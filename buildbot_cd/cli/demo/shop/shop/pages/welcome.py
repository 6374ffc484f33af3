"""The page after a sign-up."""

from html import escape

from shop.pages.layout import page

HEADING = "Welcome"


def render(card, offer):
    """The new member's number."""
    return page(HEADING, f"<p>Your card has the number <b>{escape(card)}</b>.</p>", offer)


def refused(reason, offer):
    """Why the sign-up did not work, and the way back."""
    return page("Almost", f'<p>Sorry, {escape(reason)}.</p><p><a href="/">Try again</a></p>', offer)
