"""Every URL for every kind of visitor: status, where it leads, and that no refusal tells a word of the message.

The rows are in url_table.py, the visitors in url_world.py.
"""

import re
from urllib.parse import unquote

import pytest
from django.conf import settings

from tests.app.portal import url_table
from tests.app.portal.url_table import PICKUP, STAFF, Row
from tests.app.portal.url_world import VISITORS, Answer, World, ask, leaks, world_of

pytestmark = pytest.mark.django_db(databases="__all__")
# Who may see what, and that nothing shows of the rest, is asked on each database; the rest depends on none.
on_one_database = pytest.mark.skipif(
    "sqlite" not in settings.DATABASES["default"]["ENGINE"], reason="asked on SQLite: it depends on no database"
)

ABSENT = "0190a1b2-0000-7000-8000-000000000000"
# What stands in an address for Rita's, and what of Rosa's stands there for somebody else's.
OTHERS = {"copy": "rosas", "reply": "rosas_reply", "draft": "rosas_draft", "delegation": "rosas_delegation"}
OBJECTS = [row for row in PICKUP if any(f"{{{name}}}" in row.address for name in OTHERS)]
METHODS = ("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
HIDDEN = re.compile(r'name="csrfmiddlewaretoken" value="[^"]*"')


def by_route(rows: list[Row]):
    return pytest.mark.parametrize("row", rows, ids=lambda row: row.route or "/")


@pytest.fixture
def _django_db_helper():
    """Do nothing for the marker but make databases: for each test it would begin a transaction, and close after it."""


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker, tmp_path_factory):
    """Make the world once, in a transaction that lasts as long; the databases are open until it ends."""
    with django_db_blocker.unblock(), world_of(tmp_path_factory.mktemp("world")) as made:
        yield made


def test_every_url_has_a_row():
    assert {row.route for row in [*PICKUP, *STAFF]} ^ set(url_table.routes()) == set()


# One of each kind: where all of a kind are told the same, these speak for the others.
FEW = ("anonymous", "owner", "frozen", "delegate", "stranger", "staff without a role", "superuser")
# Who is no staff sees nothing of the admin: these speak for all who aren't.
OUTSIDE = ("anonymous", "frozen", "owner", "staff without second factor", *url_table.STAFF_ROLES)


def asked(world: World, row: Row, method: str, roles=tuple(VISITORS)) -> dict[str, Answer]:
    path = row.path(world)
    return {role: ask(world, role, method, path) for role in roles}


def shorts(found: dict[str, Answer]):
    return {role: answer.short for role, answer in found.items()}


def named(world: World, answers, roles=tuple(VISITORS)):
    """Return what the table says, with the things in addresses by their ids."""
    names = url_table.names(world)
    return {role: to.format(**names) if isinstance(to := answers[role], str) else to for role in roles}


READERS = {*url_table.RITAS, "delegate"}


def refused(found: dict[str, Answer]) -> dict[str, list[str]]:
    """Return the words that stand in an answer that opened nothing."""
    told = {role: leaks(answer) for role, answer in found.items() if answer.status != 200 or role not in READERS}
    return {role: words for role, words in told.items() if words}


@by_route([*PICKUP, *STAFF])
def test_each_visitor_is_answered_as_the_table_says(world, row):
    found = asked(world, row, "GET", OUTSIDE if row in STAFF else VISITORS)
    assert shorts(found) == named(world, row.get, found)
    assert refused(found) == row.own_words


@on_one_database
@by_route([*PICKUP, *STAFF])
def test_each_visitor_who_posts_is_answered_as_the_table_says(world, row):
    few = row in STAFF or row.post["owner"] == 405
    found = asked(world, row, "POST", FEW if few else VISITORS)
    assert shorts(found) == named(world, row.post, found)
    assert refused(found) == {}


@on_one_database
@by_route(PICKUP)
def test_head_is_get_without_a_body(world, row):
    found = asked(world, row, "HEAD", ("anonymous", "owner", "stranger"))
    assert shorts(found) == named(world, row.get, found)
    assert {answer.text for answer in found.values()} == {""}


@on_one_database
@pytest.mark.parametrize("method", METHODS)
def test_no_page_has_another_method_for_anybody(world, method):
    for row in [*PICKUP, *STAFF]:
        assert ask(world, "anonymous", method, row.path(world)).status == 405, row.route
    paths = [row.path(world) for row in OBJECTS]
    assert {ask(world, role, method, path).status for role in VISITORS for path in paths[:1]} == {405}


@on_one_database
@by_route([row for row in PICKUP if "owner" in row.post and row.post["owner"] != 405])
def test_a_post_without_a_token_is_refused(world, row):
    for role in ("anonymous", "owner", "stranger"):
        answer = ask(world, role, "POST", row.path(world), token=False)
        assert (answer.status, leaks(answer)) == (403, [])


def same(answer: Answer, path: str):
    """Return all of an answer that a visitor sees, but for the token of its forms and the address itself."""
    headers = {
        name: sorted(re.split("[;,] ", value.replace(path, "")))
        for name, value in answer.headers
        if name not in {"Set-Cookie", "Content-Length"}  # the address is in the page
    }
    text = HIDDEN.sub("", answer.text).replace(unquote(path), "").replace(path, "")
    return answer.status, answer.location.replace(path, ""), text, headers


def instead(row: Row, world: World, whose: str) -> str:
    """Return the address with somebody else's object ("others"), or with none ("absent")."""
    names = url_table.names(world)
    return row.path(world, **{name: names[other] if whose == "others" else ABSENT for name, other in OTHERS.items()})


@by_route(OBJECTS)
def test_what_is_somebody_elses_looks_like_what_does_not_exist(world, row):
    method = "POST" if row.get["owner"] == 405 else "GET"
    absent = instead(row, world, "absent")
    for role in (*FEW, "locked", "revoked delegate", "other recipient"):
        path = instead(row, world, "others") if role in READERS else row.path(world)
        assert same(ask(world, role, method, path), path) == same(ask(world, role, method, absent), absent), role


@on_one_database
@by_route(OBJECTS)
def test_what_is_no_address_is_not_found(world, row):
    odd = ("x", "%00", "0190A1B2-0000-7000-8000-00000000000G")
    for role in ("owner", "anonymous"):
        for word in odd:
            path = row.path(world, **dict.fromkeys(OTHERS, word))
            assert ask(world, role, "GET", path).status in {404, 405}, path


@on_one_database
@by_route([row for row in OBJECTS if "/parts/" in row.address])
@pytest.mark.parametrize("number", ["0", "99", str(2**31), str(2**63), str(10**30)])
def test_a_part_that_a_message_does_not_have_is_not_found(world, row, number):
    path = re.sub(r"/parts/\d+/", f"/parts/{number}/", row.path(world))
    assert ask(world, "owner", "GET", path).status == 404
    if "/links/" in path:
        beyond = re.sub(r"/links/\d+/", f"/links/{number}/", row.path(world))
        assert ask(world, "owner", "GET", beyond).status == (200 if number == "0" else 404)


FORGED = ("x", "A" * 43, "a.b.c", "eyJ1c2VyIjoxfQ:1abcde:" + "A" * 43, "%F0%9F%92%A9", "a" * 500)


@on_one_database
@pytest.mark.parametrize("address", ["release/{}/", "release-lock/{}/", "not-me/{}/"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_every_link_that_is_not_ours_gets_one_answer(world, address, method):
    paths = ["/" + address.format(word) for word in FORGED]
    found = [same(ask(world, "anonymous", method, path), path) for path in paths]
    assert found[0][0] == 410
    assert [answer for answer in found if answer != found[0]] == []


@pytest.mark.parametrize("role", ["anonymous", "owner", "stranger", "superuser"])
def test_a_pointer_to_waiting_mail_looks_like_one_that_points_nowhere(world, role):
    paths = [f"/open/{world.token}/", *(f"/open/{word}/" for word in FORGED)]
    found = [same(ask(world, role, "GET", path), path) for path in paths]
    if role == "anonymous":
        assert [answer for answer in found if answer != found[0]] == []
    else:  # whoever has the link and the wrong account is told for whom it is, masked
        assert "z•••@partner.example" in found[0][2]
        assert [answer for answer in found[1:] if answer != found[1]] == []


def test_the_words_that_no_refusal_may_hold_are_there_to_be_read(world):
    """Or the tests above would prove nothing."""
    told = {row.route: leaks(ask(world, "owner", "GET", row.path(world))) for row in OBJECTS}
    words = {word for found in told.values() for word in found}
    assert words == {"Zanzibarquartz", "Quuxmarmalade", "Flimflamdeed", "Xylophonist", "Wrymouthreply", "Gobbledraft"}
