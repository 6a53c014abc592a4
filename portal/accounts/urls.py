"""The account pages: first contact, "this wasn't me", sessions, and allauth's own under /account/."""

from django.urls import include, path
from django.views.generic import RedirectView

from portal.accounts.views import first_contact, sessions
from portal.accounts.views import not_me as alarm

urlpatterns = [
    path("open/<str:token>/", first_contact.open_message, name="open"),
    path("open/<str:token>/code/", first_contact.enter_code, name="open_code"),
    path("open/<str:token>/password/", first_contact.choose_password, name="open_password"),
    path("not-me/<str:token>/", alarm.not_me, name="not_me"),
    path("account/frozen/", sessions.frozen, name="account_frozen"),
    path("account/security/", sessions.security, name="security"),
    path("account/stay/", sessions.stay, name="account_stay"),
    # An address is proved at first contact and never changed: allauth's page for that is not shown.
    path("account/email/", RedirectView.as_view(pattern_name="security")),
    path("account/", include("allauth.urls")),
]
