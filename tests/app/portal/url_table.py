"""Every URL and who is answered what there: a row for each, and a column for each kind of visitor.

A new URL needs a row: `test_every_url_has_a_row` names what is missing. An answer
is a status, or the path that a redirect leads to. `{copy}` stands for Rita's copy
of a message that Rosa has too, `{reply}` and `{draft}` for what Rita wrote about it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from django.conf import settings
from django.urls import URLPattern, get_resolver

from tests.app.portal.url_world import STAFF as STAFF_USERS
from tests.app.portal.url_world import SUBJECT, VISITORS, World

Short = int | str
Answers = dict[str, Short]

SIGN_IN, INBOX, FROZEN, ASK_AGAIN = "/account/login/", "/inbox/", "/account/frozen/", "/account/reauthenticate/"
GUESTS = ("anonymous", "switched off")
RITAS = ("owner", "owner, not asked lately", "owner of what expired", "before the gate", "locked")
WITHOUT_FACTOR = (
    "delegate",
    "revoked delegate",
    "invited delegate",
    "other recipient",
    "stranger",
    "staff without second factor",
)


def answers(guests: Short, members: Short, **special: Short) -> Answers:
    """Return what each visitor is answered: guests and members alike, but for the `special` ones."""
    named = {name.replace(" ", "_").replace(",", ""): name for name in VISITORS}
    found: Answers = {name: guests if name in GUESTS else members for name in VISITORS}
    return found | {"frozen": FROZEN} | {named[name]: answer for name, answer in special.items()}


def everyone(answer: Short) -> Answers:
    """Return the same answer for all."""
    return answers(answer, answer)


def is_ritas(role: str) -> bool:
    """Return whether a visitor is Rita, in whatever state."""
    return VISITORS[role].user.startswith("rita")


def members(answer: Short, **special: Short) -> Answers:
    """Return an answer for whoever is signed in; others sign in first."""
    return answers(SIGN_IN, answer, **special)


def guests(answer: Short) -> Answers:
    """Return an answer for whoever is not signed in; others go on to their inbox."""
    return answers(answer, INBOX)


def mine(answer: Short, *, delegate: Short = 404, **special: Short) -> Answers:
    """Return an answer for Rita, in each of her states, and her delegate's; for others there is nothing here."""
    keys = {name.replace(" ", "_").replace(",", ""): name for name in RITAS}
    ritas = dict.fromkeys(RITAS, answer) | {keys[name]: to for name, to in special.items()}
    return members(404) | ritas | {"delegate": delegate}


def kept(otherwise: Short) -> Answers:
    """Return 200 for Rita and her delegate while her copy can be read; else she is led `otherwise`."""
    return mine(200, delegate=200, owner_of_what_expired=otherwise, before_the_gate=otherwise, locked=otherwise)


def asked(answers: Answers) -> Answers:
    """Return `answers` where whoever proved themselves long ago is asked again."""
    return answers | {"owner, not asked lately": ASK_AGAIN}


@dataclass(frozen=True)
class Row:
    """One URL: its route, its address in the test's world, and the answers to GET (HEAD too) and POST."""

    route: str
    address: str
    get: Answers
    post: Answers
    # Words that somebody besides Rita reads there, because they wrote them too.
    own_words: dict[str, list[str]] = field(default_factory=dict)

    def path(self, world: World, **instead: str) -> str:
        """Return the address, with `instead` in place of what is named so."""
        return "/" + self.address.format(**names(world) | instead)


def names(world: World) -> dict[str, str]:
    """Return what an address can name."""
    rows = {label.replace(".", "_"): str(row.pk) for label, row in world.rows.items()}
    return rows | {name: str(getattr(thing, "pk", thing)) for name, thing in world.things.items()}


def row(route: str, get: Answers, post: Answers | None = None, *, address: str = "") -> Row:
    """Return a row; where no POST is named, whoever could GET is told that there is none."""
    denied = {name: answer if answer in {SIGN_IN, FROZEN} else 405 for name, answer in get.items()}
    return Row(route, address or route, get, post or denied)


COPY, REPLY = "/messages/{copy}/", "/sent/{reply}/"
_NO_GET = members(405)


def _message(page: str, get: Answers, post: Answers | None = None, address: str = "") -> Row:
    return row(f"messages/<uuid:pk>/{page}", get, post, address=f"messages/{{copy}}/{address or page}")


def _sent(page: str, get: Answers, post: Answers | None = None, address: str = "") -> Row:
    return row(f"sent/<uuid:pk>/{page}", get, post, address=f"sent/{{reply}}/{address or page}")


_SENT = mine(200, delegate=200, locked=REPLY)

_SHUT: dict[str, Any] = dict.fromkeys(("owner_of_what_expired", "before_the_gate", "locked"), 404)
_LEFT: dict[str, Any] = dict.fromkeys(_SHUT, COPY)
_WHOLE = kept(404)
_ASKED: Answers = dict.fromkeys(("delegate", "invited delegate"), "/delegates/")
MAIL = [
    _message("", mine(200, delegate=200)),
    _message("extension/", _NO_GET, mine(COPY, delegate=COPY)),
    _message("delete/", _WHOLE | {"delegate": 404}, mine(INBOX, **_SHUT)),
    _message("unread/", _NO_GET, mine(INBOX, delegate=INBOX, **_LEFT)),
    _message("body/", kept(404)),
    _message("parts/<int:number>/", kept(COPY), address="parts/4/"),
    _message("parts/<int:number>/links/<int:position>/", kept(404), address="parts/2/links/0/"),
    _message("parts/<int:number>/preview/", kept(COPY), address="parts/5/preview/"),
    _message("parts/<int:number>/picture/", kept(404), address="parts/6/picture/"),
    _message("attachments.zip", kept(COPY)),
    _message("original/", kept(COPY)),
    _message("reply/", kept(COPY), kept(COPY)),
    _message("reply-all/", kept(COPY), kept(COPY)),
    _sent("", mine(200, delegate=200)),
    _sent("parts/<int:number>/", _SENT, address="parts/3/"),
    _sent("parts/<int:number>/links/<int:position>/", mine(200, delegate=200, locked=404), address="parts/1/links/0/"),
    _sent("parts/<int:number>/preview/", _SENT, address="parts/4/preview/"),
    _sent("parts/<int:number>/picture/", mine(200, delegate=200, locked=404), address="parts/5/picture/"),
    _sent("attachments.zip", _SENT),
    _sent("original/", _SENT),
    _sent("undo/", _NO_GET, mine("/messages/{copy}/reply/", locked=REPLY)),
    row("drafts/<uuid:pk>/delete/", _NO_GET, mine("/drafts/", locked=COPY), address="drafts/{draft}/delete/"),
    row("delegates/<uuid:pk>/accept/", _NO_GET, members(404) | _ASKED, address="delegates/{delegation}/accept/"),
    row(
        "delegates/<uuid:pk>/end/",
        _NO_GET,
        mine("/delegates/") | _ASKED,
        address="delegates/{delegation}/end/",
    ),
    row("account/phrase/<uuid:pk>/", mine(COPY), mine(COPY), address="account/phrase/{copy}/"),
]
LISTS = [
    row("inbox/", members(200)),
    replace(row("sent/", members(200)), own_words={"other recipient": [SUBJECT]}),
    row("drafts/", members(200)),
    row("delegates/", members(200)),
    row("delegates/invite/", asked(members(200)), asked(members(200))),
    row("preferences/", members(200), members(200)),
]
FOR_ALL = [
    row("", guests(200), everyone(405)),
    row("help/", everyone(200)),
    row("help/why/", everyone(200)),
    row("help/protection/", everyone(200)),
    row("help/genuine/", everyone(200), everyone(200)),
    row("too-large/", everyone(413)),
    row("language/", everyone(405), everyone("/")),
    row("privacy/", everyone(200)),
    row("account/deleted/", everyone(200)),
    row("account/frozen/", everyone(403)),
    row("account/inactive/", everyone(200)),
]
# A link is known to whoever was sent it; behind it stands a question, and a POST answers it.
_ELSEWHERE = {"owner of what expired": 404, "before the gate": 404, "locked": 404, "switched off": 404}
LINKS = [
    # Without a content host there are none.
    row("bodies/<str:token>/", everyone(404), everyone(405), address="bodies/x/"),
    row("images/<str:token>/", everyone(200) | _ELSEWHERE, everyone(405), address="images/{image}/"),
    row("open/<str:token>/", answers(200, 404), answers(200, 404), address="open/{token}/"),
    row("open/<str:token>/code/", everyone(410), everyone(410), address="open/{token}/code/"),
    row("open/<str:token>/password/", everyone(410), everyone(410), address="open/{token}/password/"),
    row("open/<str:token>/sign-in/", everyone(410), everyone(405), address="open/{token}/sign-in/"),
    row("open/<str:token>/phrase/", everyone(410), everyone(410), address="open/{token}/phrase/"),
    row("release/<str:token>/", everyone(200), everyone(200), address="release/{gate_token}/"),
    row("release-lock/<str:token>/", everyone(200), everyone(200), address="release-lock/{lock_token}/"),
    row("not-me/<str:token>/", everyone(200), everyone(200), address="not-me/{not_me_token}/"),
]
_UNLOCK = members(INBOX, locked=200, stranger=200)
# Mallory's earlier mail is locked too.
_DELETE = asked(members(200, locked=403, stranger=403))
_DELETED = asked(members("/account/deleted/", locked=403, stranger=403))
_ANY_STAFF = [name for name in VISITORS if name.startswith("staff") or VISITORS[name].user in {*STAFF_USERS, "ines"}]
_CHANGE, _PROVED = members("/account/password/change/"), members("/account/email/")
_SESSIONS, _END = "/account/sessions/", "account/sessions/{session}/end/"
ACCOUNT = [
    row("account/security/", members(200), everyone(405)),
    row("account/codes/", members(INBOX), members(INBOX)),
    row("account/unlock/", _UNLOCK, _UNLOCK),
    row("account/offer/dismiss/", everyone(405), members(INBOX)),
    row("account/delete/", _DELETE | dict.fromkeys(_ANY_STAFF, 403), _DELETED | dict.fromkeys(_ANY_STAFF, 403)),
    row("account/stay/", everyone(405), members(204)),
    row("account/email/", everyone("/account/security/"), everyone("/account/security/")),
    row("account/login/", guests(200), guests(200)),
    row("account/logout/", members(200), everyone(SIGN_IN)),
    row("account/signup/", guests(200), guests(200)),
    row("account/reauthenticate/", members(200), members(200)),
    row("account/confirm-email/", _PROVED, _PROVED),
    row("account/password/change/", members(200), members(200)),
    row("account/password/set/", _CHANGE, _CHANGE),
    row("account/password/reset/", everyone(200), everyone(200)),
    row("account/password/reset/confirm/", everyone(SIGN_IN), everyone(SIGN_IN)),
    row("account/password/reset/complete/", everyone("/account/password/reset/"), everyone("/account/password/reset/")),
    row("account/password/reset/done/", everyone(200)),
    row("account/login/code/confirm/", members(INBOX), members(INBOX)),
    row("account/sessions/", members(200), asked(members(_SESSIONS))),
    # Whoever names a session that isn't theirs is told the same as its owner, and nothing ends.
    row("account/sessions/<int:pk>/end/", everyone(405), asked(members(_SESSIONS)), address=_END),
]
_BY_FACTOR = members(200) | dict.fromkeys(WITHOUT_FACTOR, ASK_AGAIN)
_KEYS, _OFF = "/account/2fa/webauthn/", "/account/2fa/totp/deactivate/"


def _with_totp(answer: Short, otherwise: Short) -> Answers:
    return asked(members(answer) | dict.fromkeys(WITHOUT_FACTOR, otherwise))


def _key(page: str, posted: Short) -> Row:
    address = f"account/2fa/webauthn/keys/{{key}}/{page}/"
    return row(f"account/2fa/webauthn/keys/<int:pk>/{page}/", asked(mine(200)), asked(mine(posted)), address=address)


_NO_KEY = members(ASK_AGAIN)
FACTORS = [
    row("account/2fa/", members(200)),
    row("account/2fa/authenticate/", members(INBOX), members(INBOX)),
    row("account/2fa/reauthenticate/", _BY_FACTOR, _BY_FACTOR),
    row("account/2fa/totp/activate/", _with_totp(_OFF, 200), _with_totp(_OFF, 200)),
    row("account/2fa/totp/deactivate/", _with_totp(200, 404), _with_totp("/account/2fa/", 404)),
    row("account/2fa/recovery-codes/", asked(mine(200))),
    row("account/2fa/recovery-codes/generate/", asked(members(200)), _with_totp("/account/2fa/recovery-codes/", 200)),
    row("account/2fa/recovery-codes/download/", asked(mine(200)), asked(mine(405))),
    row(_KEYS[1:], members(200)),
    row("account/2fa/webauthn/add/", asked(members(200)), asked(members(200))),
    row(
        "account/2fa/webauthn/reauthenticate/",
        _NO_KEY | dict.fromkeys(RITAS, 200),
        _NO_KEY | dict.fromkeys(RITAS, SIGN_IN),
    ),
    _key("remove", _KEYS),
    _key("edit", 200),
    row("account/2fa/webauthn/login/", members(INBOX), members(INBOX)),
]
_3RD, _SOCIAL, _OIDC = "account/3rdparty/", "account/social/", "account/oidc/<slug:provider_id>/"
_TO_SECURITY = ("", "<path:rest>", "login/cancelled/", "login/error/", "signup/")
_TO_3RD = {
    "login/cancelled/": "login/cancelled/",
    "login/error/": "login/error/",
    "signup/": "signup/",
    "connections/": "",
}


def _led(route: str, to: str) -> Row:
    return row(route, everyone(to), everyone(to), address=route.replace("<path:rest>", "x/"))


# Sign-in with a provider has its own way in (account/oidc/); allauth's pages for it are not shown.
PROVIDERS = [
    *(_led(_3RD + page, "/account/security/") for page in _TO_SECURITY),
    *(_led(_SOCIAL + page, f"/{_3RD}{to}") for page, to in _TO_3RD.items()),
    row(_OIDC, everyone(405), everyone(404), address="account/oidc/nobody/"),
    row(f"{_OIDC}callback/", everyone(404), everyone(405), address="account/oidc/nobody/callback/"),
]
PICKUP = [*MAIL, *LISTS, *FOR_ALL, *LINKS, *ACCOUNT, *FACTORS, *PROVIDERS]

ADMIN = settings.ADMIN_PATH
_LOGIN = f"/{ADMIN}login/"
AUDITOR, REVIEWER, POLICY, OPERATOR, SUPERUSER = "auditor", "content reviewer", "policy admin", "operator", "superuser"
WITH_ROLE = (AUDITOR, REVIEWER, POLICY, OPERATOR, SUPERUSER)
STAFF_ROLES = ("staff without a role", *WITH_ROLE)


def staff(answer: Short, *roles: str, otherwise: Short = 403, guests: Short = _LOGIN) -> Answers:
    """Return an answer for staff of `roles` (all, where none is named), and `otherwise` for other staff.

    Whoever is no staff finds nothing there; without a second factor one is led to it.
    """
    found = answers(guests, 404) | {"staff without second factor": "/account/2fa/"}
    return found | {role: answer if role in (roles or STAFF_ROLES) else otherwise for role in STAFF_ROLES}


@dataclass(frozen=True)
class Model:
    """Who may look at the rows of a model in the admin, and who may write them."""

    view: tuple[str, ...]
    write: tuple[str, ...] = ()
    # Where they differ from `write`.
    change: tuple[str, ...] | None = None
    add: tuple[str, ...] | None = None
    # What a POST to the page of a row answers whoever may look.
    post: Short = 403


_ALL, _RULES = (AUDITOR, POLICY, OPERATOR, SUPERUSER), (POLICY, SUPERUSER)
# Every model that the admin shows.
MODELS = {
    "messages_app.message": Model(WITH_ROLE, post=405),
    "messages_app.recipient": Model(WITH_ROLE),
    "messages_app.attempt": Model(WITH_ROLE),
    "messages_app.auditevent": Model((AUDITOR, SUPERUSER)),
    "messages_app.auditlink": Model((AUDITOR, SUPERUSER)),
    "messages_app.audithead": Model((AUDITOR, SUPERUSER)),
    "messages_app.delegation": Model((AUDITOR, OPERATOR, SUPERUSER), (OPERATOR, SUPERUSER), change=(), add=()),
    "messages_app.bucketkey": Model((AUDITOR, OPERATOR, SUPERUSER)),
    "notifications.notice": Model(WITH_ROLE),
    "gateway.domainhistory": Model(_ALL),
    "gateway.publishedpolicy": Model(_ALL),
    "gateway.domainpolicy": Model(_ALL, _RULES),
    "gateway.relay": Model(_ALL, _RULES),
    "gateway.apppassword": Model(_ALL, _RULES),
    "gateway.trustedcertificate": Model(_ALL, _RULES),
    "accounts.user": Model((AUDITOR, OPERATOR, SUPERUSER), change=(OPERATOR, SUPERUSER)),
    "auth.group": Model((SUPERUSER,), (SUPERUSER,)),
}


def _pages(label: str, model: Model) -> list[Row]:
    """Return the rows of a model's pages; what a POST by whoever may write does is for other tests."""
    place = f"{ADMIN}{label.replace('.', '/')}/"
    at = f"{place}<path:object_id>/"
    own = f"{place}{{{label.replace('.', '_')}}}/"
    look, write = staff(200, *model.view), staff(200, *model.write, NOBODY)
    change = model.write if model.change is None else model.change
    add = staff(200, *(model.write if model.add is None else model.add), NOBODY)
    changed = staff(model.post, *model.view) | {role: CHANGES.get(label, 200) for role in change}
    onward = staff("/" + own + "change/")
    return [
        row(place, look, look),
        row(f"{place}add/", add, add),
        row(f"{at}history/", look, look, address=f"{own}history/"),
        row(f"{at}delete/", write, write, address=f"{own}delete/"),
        row(f"{at}change/", look, changed, address=f"{own}change/"),
        row(at, onward, onward, address=own),
    ]


# A role that nobody has: `staff` takes no role at all for all of them.
NOBODY = "nobody"
# Where a form that is sent without a word is complete.
CHANGES: dict[str, Short] = {"accounts.user": f"/{ADMIN}accounts/user/"}
_CHANGE_PASSWORD = staff("/account/password/change/")
STAFF = [
    row(ADMIN, staff(200), staff(200)),
    row(f"{ADMIN}login/", staff("/staff/", guests=SIGN_IN), staff(200, guests=SIGN_IN)),
    row(f"{ADMIN}logout/", staff(405, guests="/staff/"), staff(SIGN_IN, guests="/staff/")),
    row(f"{ADMIN}password_change/", _CHANGE_PASSWORD, _CHANGE_PASSWORD),
    row(f"{ADMIN}password_change/done/", staff(200), staff(405)),
    row(f"{ADMIN}autocomplete/", staff(403), staff(405)),
    row(f"{ADMIN}jsi18n/", staff(200), staff(405)),
    row(f"{ADMIN}r/<path:content_type_id>/<path:object_id>/", staff(404), staff(404), address=f"{ADMIN}r/1/1/"),
    row(f"{ADMIN}(?P<url>.*)$", staff(404), staff(404), address=f"{ADMIN}nothing/"),
    *(page for label, model in MODELS.items() for page in _pages(label, model)),
]


def app_list() -> Row:
    """Return the row of the overview of one app: its route names every app, in the order of their registration."""
    route = next(route for route in routes() if "(?P<app_label>" in route)
    return row(
        route,
        staff(200, *WITH_ROLE, otherwise=404),
        staff(200, *WITH_ROLE, otherwise=404),
        address=f"{ADMIN}messages_app/",
    )


def routes() -> Iterator[str]:
    """Yield every route of the portal, those of the admin included."""
    yield from _routes(get_resolver().url_patterns, "")


def _routes(patterns: Any, before: str) -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLPattern):
            yield f"{before}{pattern.pattern}"
        else:
            yield from _routes(pattern.url_patterns, f"{before}{pattern.pattern}")


STAFF.append(app_list())
