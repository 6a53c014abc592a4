"""Whose mail it is in the tests of the portal: Rita, and the browser in which she is signed in."""

import pytest

from tests.mailroom import make_user, signed_in


@pytest.fixture
def rita(keys):
    return make_user()


@pytest.fixture
def client(rita):
    return signed_in(rita)
