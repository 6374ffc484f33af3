"""Members."""

import random

import pytest

from shop import signup

pytestmark = pytest.mark.tags("signup")


def test_email_is_kept():
    assert signup.clean_email(" ada@example.org ") == "ada@example.org"


def test_domain_in_lower_case():
    assert signup.clean_email("Ada@Example.ORG") == "Ada@example.org"


@pytest.mark.parametrize("text", ["", "ada", "@example.org", "ada@", "ada@example", "ada@.org", "a b@example.org"])
def test_what_is_no_address(text):
    with pytest.raises(signup.SignupError):
        signup.clean_email(text)


def test_address_has_a_limit():
    with pytest.raises(signup.SignupError):
        signup.clean_email("a" * signup.MAX_LENGTH + "@example.org")


def test_check_digit():
    assert signup.check_digit(7992739871) == 3


def test_first_member():
    assert signup.Members().sign_up("ada@example.org").startswith(str(signup.FIRST_NUMBER))


def test_members_get_different_cards():
    members = signup.Members()
    assert members.sign_up("ada@example.org") != members.sign_up("grace@example.org")


def test_signing_up_twice_gives_one_card():
    members = signup.Members()
    assert members.sign_up("ada@example.org") == members.sign_up("ada@EXAMPLE.org")
    assert len(members) == 1


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_every_wrong_digit_is_found(seed):
    rng = random.Random(seed)
    for _ in range(5000):
        card = signup.card_number(rng.randrange(1000, 10**9))
        assert signup.is_card_number(card)
        place = rng.randrange(len(card))
        wrong = str((int(card[place]) + rng.randrange(1, 10)) % 10)
        assert not signup.is_card_number(card[:place] + wrong + card[place + 1 :])


@pytest.mark.parametrize("count", [40000, 80000])
def test_many_members(count):
    members = signup.Members()
    cards = {members.sign_up(f"visitor-{number}@example.org") for number in range(count)}
    assert len(cards) == count
    assert all(map(signup.is_card_number, list(cards)[:2000]))
