"""Staff look after accounts: close them, freeze them, let their owners in again. Nobody reads mail here."""

from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from messages_app import audit
from messages_app.admin.base import AnyAdmin, by_whom
from messages_app.client import client_of
from portal.accounts.flows import not_me
from portal.accounts.flows.sign_out import end_sessions
from portal.accounts.models import User


@admin.register(User)
class UserAdmin(AnyAdmin):
    """Accounts: made by first contact or `manage.py setup`, and never deleted here."""

    list_display = ("email", "is_active", "is_staff", "frozen_at", "last_login", "date_joined")
    list_filter = ("is_active", "is_staff", ("frozen_at", admin.EmptyFieldListFilter))
    search_fields = ("email",)
    ordering = ("-date_joined",)
    fields = (
        "email",
        "is_active",
        "is_staff",
        "is_superuser",
        "groups",
        "language",
        "frozen_at",
        "earlier_mail_locked_until",
        "last_login",
        "date_joined",
    )
    filter_horizontal = ("groups",)
    actions = ("freeze", "lift", "lift_without_factors", "sign_out")

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:  # noqa: ARG002
        """Return what can't be changed; only administrators make others staff."""
        shown = ("email", "language", "frozen_at", "earlier_mail_locked_until", "last_login", "date_joined")
        may_promote = isinstance(request.user, User) and request.user.is_superuser
        return shown if may_promote else (*shown, "is_staff", "is_superuser", "groups")

    def has_add_permission(self, _request: HttpRequest) -> bool:
        """Return False: an account begins with an invitation."""
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: User | None = None) -> bool:
        """Return False: close an account instead; its mail stays bound to it."""
        return False

    def save_model(self, request: HttpRequest, obj: User, form: "ModelForm[User]", change: bool) -> None:  # noqa: FBT001
        """Save and record which fields changed; whoever is closed is signed out."""
        with transaction.atomic():
            super().save_model(request, obj, form, change)
            _record(audit.Event.ACCOUNT_CHANGED, request, obj, fields=form.changed_data)
        if not obj.is_active:
            end_sessions(obj)

    @admin.action(description=_("Freeze"), permissions=["change"])
    def freeze(self, request: HttpRequest, users: QuerySet[User]) -> None:
        """Freeze accounts as "this wasn't me" does."""
        actor, client = f"user:{request.user.pk}", client_of(request)
        done = [user for user in users if not_me.freeze(user, actor, client, timezone.now())]
        self._say(request, len(done))

    @admin.action(description=_("Lift the freeze (a new password is needed)"), permissions=["change"])
    def lift(self, request: HttpRequest, users: QuerySet[User]) -> None:
        """Let owners in again, by a password reset."""
        self._lift(request, users)

    @admin.action(description=_("Lift the freeze and remove second factors"), permissions=["change"])
    def lift_without_factors(self, request: HttpRequest, users: QuerySet[User]) -> None:
        """Let owners in again where a stranger set up the second factor."""
        frozen = list(users.exclude(frozen_at=None))
        Authenticator.objects.filter(user__in=frozen).delete()
        self._lift(request, users.filter(pk__in=[user.pk for user in frozen]), factors="removed")

    @admin.action(description=_("Sign out everywhere"), permissions=["change"])
    def sign_out(self, request: HttpRequest, users: QuerySet[User]) -> None:
        """End all sessions of accounts."""
        for user in users:
            end_sessions(user)
            _record(audit.Event.ACCOUNT_CHANGED, request, user, fields=["sessions"])
        self._say(request, len(users))

    def _lift(self, request: HttpRequest, users: QuerySet[User], **details: Any) -> None:
        frozen = list(users.exclude(frozen_at=None))
        for user in frozen:
            with transaction.atomic():
                not_me.lift(user)
                _record(audit.Event.ACCOUNT_LIFTED, request, user, **details)
        self._say(request, len(frozen))

    def _say(self, request: HttpRequest, count: int) -> None:
        text = ngettext("%(count)d account was changed.", "%(count)d accounts were changed.", count)
        self.message_user(request, text % {"count": count}, messages.SUCCESS)


def _record(event: audit.Event, request: HttpRequest, user: User, **details: Any) -> None:
    audit.record(event, **by_whom(request), user=user.pk, **details)
