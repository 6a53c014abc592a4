"""While the portal is being worked on: one page, which needs nothing that may be away."""

import pytest
from django.test import Client
from django.urls import reverse


@pytest.fixture
def closed(settings):
    settings.MAINTENANCE, settings.MAINTENANCE_SECONDS = True, 1200


@pytest.mark.parametrize("name", ["home", "inbox", "account_login", "help"])
def test_every_page_says_so_and_asks_no_database(closed, name):
    # Without the mark `django_db` a query is an error.
    page = Client().get(reverse(name))
    assert (page.status_code, page["Retry-After"]) == (503, "1200")
    assert "about 20 minutes" in page.content.decode()
    assert "Content-Security-Policy" in page


def test_a_form_that_is_sent_meanwhile_is_told_as_well(closed):
    assert Client().post(reverse("account_login"), {"login": "x"}).status_code == 503


def test_without_it_the_portal_is_open():
    assert Client().get(reverse("home")).status_code == 200
