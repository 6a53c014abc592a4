"""The index of standards: every file that it names is there, and every row says how far it goes."""

import re

import pytest

from tests.unit.project.files import ROOT

INDEX = (ROOT / "docs" / "rfc_index.md").read_text()
ROWS = [line.split("|") for line in INDEX.splitlines() if re.match(r"\| \d{4}", line)]
ASKED = [
    "5321",
    "5322",
    "3207",
    "3461",
    "3462",
    "6522",
    "3463",
    "3464",
    "2034",
    "2920",
    "1870",
    "6152",
    "6531",
    "6532",
    "6533",
    "3030",
    "4954",
    "4616",
    "8314",
    "6409",
    "7505",
    "7672",
    "6698",
    "7671",
    "8460",
    "8461",
    "8689",
    "1047",
    "3834",
    "8058",
    "9180",
    "8446",
    "5280",
    "6125",
    "9525",
    "2047",
    "2231",
    "5598",
]


def test_every_file_that_it_names_exists():
    named = re.findall(r"`([\w/]+\.(?:py|md))`", INDEX)
    assert named
    assert [path for path in named if not (ROOT / path).is_file()] == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1].strip())
def test_every_row_says_yes_partial_or_no_and_where(row):
    assert len(row) == 7
    state, sections, where = row[3].strip(), row[4].strip(), row[5].strip()
    assert state in {"Yes", "Partial", "No"}
    assert where
    assert sections or state == "No" or "OpenSSL" in where
    assert state != "Yes" or "`" in where


def test_each_standard_of_the_field_has_one_row():
    numbers = [number for row in ROWS for number in re.findall(r"\d{4}", row[1])]
    assert sorted(numbers) == sorted(set(numbers))
    assert set(ASKED) <= set(numbers)
