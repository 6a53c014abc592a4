"""The store of messages and the pickup pages."""

from django.apps import AppConfig


class MessagesAppConfig(AppConfig):
    """The Django app."""

    name = "messages_app"
    verbose_name = "Mail"
