"""What all pages share."""

from html import escape

from shop.pages import style


def page(title, body, offer):
    """A whole page; title is text, body is HTML, offer a product."""
    return (
        f"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{escape(title)}</title>\n"
        f"<style>\n{style.sheet()}</style></head>\n"
        f"<body><p class=\"offer\">Today: {escape(offer.name)} for {offer.price}</p>\n"
        f"<h1>{escape(title)}</h1>\n{body}\n</body></html>\n"
    )
