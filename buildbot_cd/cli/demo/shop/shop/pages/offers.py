"""The offer at the top of each page: they take turns."""

OFFERS = ("teapot",)


def offer(catalogue, visit):
    """The product to show to the shop's n-th visitor, counted from 0."""
    return catalogue[OFFERS[visit % len(OFFERS)]]
