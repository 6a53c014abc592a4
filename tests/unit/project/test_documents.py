"""The guides name what there is: commands, roles, levels, words, results; decisions have their form."""

import re

import pytest
from django.core.management import get_commands

from gateway.rules.tls import Level, ResultType
from messages_app.rules import message_policy, rights
from messages_app.rules.message_policy import MessagePolicy
from portal.accounts.rules.roles import Role
from tests.unit.project.files import PACKAGES, ROOT, name, text_of, tracked

ANCHOR = re.compile(r"\]\(([^)#:\s]*)#([^)]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))


def guide(page: str) -> str:
    return (ROOT / "docs" / page).read_text()


def own_commands() -> list[str]:
    commands = get_commands().items()
    return sorted(command for command, app in commands if isinstance(app, str) and app.partition(".")[0] in PACKAGES)


def anchors(text: str) -> set[str]:
    """Return the anchors that a page makes of its headings: small letters, hyphens for blanks, no other marks."""
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in re.findall(HEADING, text)}


def test_every_link_to_a_heading_finds_it():
    documents = [path for path in tracked() if path.suffix == ".md"]
    links = [(path, *found) for path in documents for found in re.findall(ANCHOR, text_of(path))]
    assert len(links) > 5
    broken = [
        f"{name(path)}: {target}#{anchor}"
        for path, target, anchor in links
        if anchor not in anchors(text_of((path.parent / target).resolve() if target else path))
    ]
    assert broken == []


@pytest.mark.parametrize("command", sorted(set(own_commands()) - {"demo"}))
def test_the_operating_guide_tells_of_every_command(command):
    assert re.search(rf"manage\.py {command}\b", guide("operating.md"))


@pytest.mark.parametrize("role", Role)
def test_the_operating_guide_tells_of_every_role_of_staff(role):
    assert f"| `{role}` |" in guide("operating.md")


@pytest.mark.parametrize("level", Level)
def test_the_guide_to_levels_tells_of_every_level(level):
    assert f"`{level}`" in guide("tls_levels.md")


@pytest.mark.parametrize("result_type", ResultType)
def test_the_guide_to_levels_tells_of_every_way_in_which_tls_fails(result_type):
    assert f"`{result_type}`" in guide("tls_levels.md")


@pytest.mark.parametrize("right", rights.Right)
def test_the_guide_to_policies_tells_of_every_right(right):
    assert f"| `{right}` |" in guide("message_policies.md")


def test_every_word_of_the_guide_to_policies_is_understood():
    table = guide("message_policies.md").partition(f"## {message_policy.HEADER}")[2].partition("## ")[0]
    words = [word for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for word in re.findall(r"`(.+?)`", row)]
    assert len(words) >= 4
    assert [word for word in words if message_policy.parse([word]) == (MessagePolicy(), 1)] == []


def test_decisions_are_numbered_without_a_gap():
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_has_its_number_and_its_price(path):
    text = path.read_text()
    assert text.startswith(f"# {int(path.name[:4])}. ")
    assert "\n\n**Tradeoffs:** " in text
