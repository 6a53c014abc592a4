"""Fixtures of the end-to-end tests: one world, one Postern of each kind, one browser a run."""

import contextlib

import pytest

from tests.harness.browser import chromium, reader
from tests.harness.internet import internet
from tests.harness.stack import stack

KINDS = [
    pytest.param("embedded", marks=pytest.mark.needs("smtp-sink", "stunnel")),
    pytest.param("production", marks=pytest.mark.needs("smtp-sink", "stunnel", "postgresql", "redis")),
]


@pytest.fixture(scope="session")
def net():
    with internet() as world:
        yield world


@pytest.fixture(scope="session")
def stacks(net):
    """Start a Postern of each kind at first use, and keep it for the run."""
    with contextlib.ExitStack() as running:
        started = {}

        def get(kind):
            if kind not in started:
                started[kind] = running.enter_context(stack(kind, net))
            return started[kind]

        yield get


@pytest.fixture(params=KINDS)
def postern(request, stacks):
    """Give Postern, once embedded and once as in production."""
    return stacks(request.param)


@pytest.fixture(scope="session")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture(params=["with JavaScript", "without JavaScript"])
def rita(request, browser):
    """Give Rita's browser, once with JavaScript and once without."""
    with reader(browser, javascript=request.param == "with JavaScript") as somebody:
        yield somebody
