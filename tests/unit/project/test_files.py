"""What may not stand in any tracked file, and what must."""

import re

import pytest

from tests.unit.project.files import ROOT, name, text_of, tracked

# Written in pieces, so that this file does not hold what it forbids.
REGISTRIES = re.compile("|".join([r"pypi\." + "org", r"pythonhosted\." + "org", r"/simple/" + r"\s*$"]), re.MULTILINE)
MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:wo" + r"rk|ho" + r"me|ro" + r"ot|Us" + r"ers)/[\w.-]+")
MARKS = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
LOCKS = [ROOT / "requirements.lock", ROOT / "requirements-dev.lock"]
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
FILE = re.compile(r"`((?:portal|gateway|messages_app|notifications|tests|bench|tools)/[\w/.]*\w)`")
HASH = re.compile(r"^\s+--hash=sha256:[0-9a-f]{64}( \\)?$")
PIN = re.compile(r"^[A-Za-z0-9._-]+(\[[\w,-]+\])?==\S+( ;.*)? \\$")


def offenders(pattern: re.Pattern[str], *, without: tuple[str, ...] = ()) -> list[str]:
    return [
        f"{name(path)}: {found.group()}"
        for path in tracked()
        if path.relative_to(ROOT).parts[0] not in without and path.name != "LICENSE"
        for found in pattern.finditer(text_of(path))
    ]


def test_no_file_names_a_package_registry():
    assert offenders(REGISTRIES) == []


def test_no_file_names_a_path_of_somebodys_machine():
    assert offenders(MACHINE_PATHS) == []


def test_no_file_holds_a_note_to_oneself():
    assert offenders(MARKS, without=("requirements.lock", "requirements-dev.lock")) == []


@pytest.mark.parametrize("lock", LOCKS, ids=name)
def test_every_line_of_a_lock_is_a_pin_or_a_hash(lock):
    lines = lock.read_text().splitlines()
    assert [line for line in lines if not HASH.match(line) and not PIN.match(line)] == []
    assert sum(bool(PIN.match(line)) for line in lines) > 10


@pytest.mark.parametrize("lock", LOCKS, ids=name)
def test_every_pin_of_a_lock_has_a_hash(lock):
    lines = lock.read_text().splitlines()
    unhashed = [
        line for line, after in zip(lines, [*lines[1:], ""], strict=True) if PIN.match(line) and not HASH.match(after)
    ]
    assert unhashed == []


def test_tests_run_on_the_same_versions_as_the_product():
    runtime, development = ({line for line in text_of(lock).splitlines() if PIN.match(line)} for lock in LOCKS)
    pinned = {line.split("==")[0]: line for line in development}
    different = [line for line in runtime if pinned.get(line.split("==")[0], "").split(" ")[0] != line.split(" ")[0]]
    assert different == []


def test_the_changelog_has_keep_a_changelogs_form():
    text = (ROOT / "CHANGELOG.md").read_text()
    assert text.startswith("# Changelog\n")
    assert "## [Unreleased]" in text
    versions = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert all(re.fullmatch(r"\[Unreleased\]|\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", version) for version in versions)
    kinds = set(re.findall(r"^### (.+)$", text, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_licence_is_apache_2():
    assert "Version 2.0, January 2004" in (ROOT / "LICENSE").read_text()


def test_the_readme_begins_with_the_two_commands():
    first_block = re.search(r"```\w*\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL).group(1)
    assert first_block.split() == ["make", "demo", "make", "test"] or "make demo" in first_block.splitlines()[0]


def test_every_relative_link_of_the_documents_leads_somewhere():
    documents = [path for path in tracked() if path.suffix == ".md"]
    links = [(path, target) for path in documents for target in re.findall(LINK, text_of(path))]
    broken = [f"{name(path)}: {target}" for path, target in links if not (path.parent / target).exists()]
    assert broken == []


def test_every_file_that_a_document_names_is_there():
    documents = [path for path in tracked() if path.suffix == ".md" and path.parent.name != "pictures"]
    named = [(path, found) for path in documents for found in re.findall(FILE, text_of(path))]
    assert len(named) > 100
    assert [f"{name(path)}: {found}" for path, found in named if not (ROOT / found).exists()] == []
