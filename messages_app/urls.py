"""The pickup pages: inbox, message, body, attachments, reply, sent and help."""

from django.urls import path

from messages_app.views import pages

urlpatterns = [
    path("", pages.home, name="home"),
    path("inbox/", pages.home, name="inbox"),
    path("sent/", pages.home, name="sent"),
    path("help/", pages.page("help"), name="help"),
    path("help/why/", pages.page("why"), name="help_why"),
    path("help/protection/", pages.page("protection"), name="help_protection"),
    path("help/genuine/", pages.page("genuine"), name="help_genuine"),
    path("privacy/", pages.page("privacy"), name="privacy"),
]
