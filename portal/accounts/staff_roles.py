"""The groups of the staff's roles: made after every migration, with exactly the permissions of their role."""

from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db.models import Q
from django.db.models.signals import post_migrate
from django.dispatch import receiver

from portal.accounts.rules.roles import PERMISSIONS


@receiver(post_migrate)
def after_migrating(app_config: Any, using: str, **_kwargs: Any) -> None:
    """Make the groups once permissions are there: those of every app with a role are made before `auth` is told."""
    # Django makes the permissions of an app as it tells of it, in the order of INSTALLED_APPS.
    if app_config.label == "auth" and using == "default":
        make_groups()


def make_groups() -> None:
    """Give each role its group. A group that somebody changed is as it should be again; other groups are left alone."""
    for role, names in PERMISSIONS.items():
        wanted = Q(pk__in=[])
        for name in names:
            app, _, codename = name.partition(".")
            wanted |= Q(content_type__app_label=app, codename=codename)
        group, _made = Group.objects.get_or_create(name=role.value)
        group.permissions.set(Permission.objects.filter(wanted))
