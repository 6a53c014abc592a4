"""The ways Postern is run in the end-to-end tests, as values of the fixtures `postern` and `rita`."""

import pytest

EMBEDDED = pytest.param("embedded", marks=pytest.mark.needs("smtp-sink", "stunnel"))
PRODUCTION = pytest.param("production", marks=pytest.mark.needs("smtp-sink", "stunnel", "postgresql", "redis"))
KINDS = [EMBEDDED, PRODUCTION]
BROWSERS = ["with JavaScript", "without JavaScript"]
# Each kind and each browser once, for what does not hang on the two together.
PAIRS = [
    pytest.param(*kind.values, browser, marks=kind.marks)
    for kind, browser in zip([PRODUCTION, EMBEDDED], BROWSERS, strict=True)
]
in_production = pytest.mark.parametrize("postern", [PRODUCTION], indirect=True)
of_each_once = pytest.mark.parametrize(("postern", "rita"), PAIRS, indirect=True)
