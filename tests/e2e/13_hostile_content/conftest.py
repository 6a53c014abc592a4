"""The stage for hostile snippets: pages of ours, a trap instead of a network, and who watches."""

import pytest
from django.test import override_settings

from tests.harness import corpora, hostile


@pytest.fixture(scope="module")
def site():
    with hostile.pages() as started, override_settings(PORTAL_BASE_URL=started.origin):
        yield started


@pytest.fixture(scope="module")
def watcher(browser, site):
    with hostile.trap() as caught:
        yield hostile.Watcher(browser, site.origin, caught)


@pytest.fixture(scope="session")
def hostile_sets():
    if not corpora.present():
        pytest.skip(corpora.WHY_MISSING)
    return corpora.hostile_sets()
