"""The four roles of staff, and what each may look at and change. None of them shows what a message says."""

from enum import StrEnum

# Where mail is and why: envelope, verdicts and times.
_TRACE = (
    "messages_app.view_message",
    "messages_app.view_recipient",
    "messages_app.view_attempt",
    "notifications.view_notice",
)
_POLICY = (
    "gateway.domainpolicy",
    "gateway.relay",
    "gateway.apppassword",
    "gateway.homedomain",
    "gateway.trustedcertificate",
)
_POLICY_VIEWS = tuple(name.replace(".", ".view_") for name in _POLICY)


class Role(StrEnum):
    """A group of staff, by its name in the admin."""

    AUDITOR = "auditor"
    REVIEWER = "content reviewer"
    POLICY_ADMIN = "policy admin"
    OPERATOR = "operator"


def _every(*actions: str) -> tuple[str, ...]:
    return tuple(name.replace(".", f".{action}_") for name in _POLICY for action in actions)


PERMISSIONS: dict[Role, tuple[str, ...]] = {
    # Looks at everything that is recorded, and changes nothing.
    Role.AUDITOR: (
        *_TRACE,
        *_POLICY_VIEWS,
        "messages_app.view_auditevent",
        "messages_app.view_auditlink",
        "messages_app.view_audithead",
        "messages_app.view_bucketkey",
        "messages_app.view_delegation",
        "gateway.view_domainhistory",
        "gateway.view_publishedpolicy",
        "accounts.view_user",
    ),
    # Finds the message that is to be reviewed; whether its content opens is asked there, with a reason.
    Role.REVIEWER: _TRACE,
    # Decides how each domain is reached, and sees what came of it.
    Role.POLICY_ADMIN: (
        *_TRACE,
        *_every("view", "add", "change", "delete"),
        "gateway.view_domainhistory",
        "gateway.view_publishedpolicy",
    ),
    # Keeps mail moving and lets people in again.
    Role.OPERATOR: (
        *_TRACE,
        *_POLICY_VIEWS,
        "messages_app.change_recipient",
        "messages_app.view_bucketkey",
        "messages_app.view_delegation",
        "messages_app.delete_delegation",
        "gateway.view_domainhistory",
        "gateway.view_publishedpolicy",
        "accounts.view_user",
        "accounts.change_user",
    ),
}
