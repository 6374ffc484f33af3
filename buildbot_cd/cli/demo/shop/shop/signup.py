"""Members: who signed up, and the number on their card."""

MAX_LENGTH = 120
FIRST_NUMBER = 1000


class SignupError(ValueError):
    """What a visitor typed cannot be signed up with."""


def clean_email(text):
    """The address as it is kept; letters after the @ in lower case."""
    address = text.strip()
    name, at, domain = address.rpartition("@")
    if not at or not name or "." not in domain or domain.startswith(".") or domain.endswith("."):
        raise SignupError("that is not an e-mail address")
    if len(address) > MAX_LENGTH or any(letter.isspace() for letter in address):
        raise SignupError("that is not an e-mail address")
    return f"{name}@{domain.lower()}"


def check_digit(number):
    """The Luhn digit of a number: finds every single wrong digit."""
    total = 0
    for place, digit in enumerate(reversed(str(number))):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return (10 - total % 10) % 10


def card_number(number):
    """The number on the card: the member's own with its check digit behind it."""
    return f"{number}{check_digit(number)}"


def is_card_number(text):
    """Whether a number can be on a card of this shop."""
    return text.isdecimal() and len(text) > 1 and check_digit(int(text[:-1])) == int(text[-1])


class Members:
    """Everybody who signed up here since the start."""

    def __init__(self):
        self._cards = {}

    def __len__(self):
        return len(self._cards)

    def sign_up(self, email):
        """The card number of a new member; who is one already gets the same number again."""
        address = clean_email(email)
        if address not in self._cards:
            self._cards[address] = card_number(FIRST_NUMBER + len(self._cards))
        return self._cards[address]
