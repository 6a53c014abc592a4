"""The store of messages and the pickup pages."""

from django.apps import AppConfig


class MessagesAppConfig(AppConfig):
    name = "messages_app"
    default_auto_field = "django.db.models.BigAutoField"
