"""The account pages: first contact, "this wasn't me", sessions, and allauth's own under /account/."""

from django.urls import include, path
from django.views.generic import RedirectView

from portal.accounts.views import first_contact, owner, phrase, provider, recovery, release, sessions
from portal.accounts.views import not_me as alarm

urlpatterns = [
    path("open/<str:token>/", first_contact.open_message, name="open"),
    path("open/<str:token>/code/", first_contact.enter_code, name="open_code"),
    path("open/<str:token>/password/", first_contact.choose_password, name="open_password"),
    path("open/<str:token>/phrase/", phrase.at_first_contact, name="open_phrase"),
    path("open/<str:token>/sign-in/", provider.at_first_contact, name="open_provider"),
    path("account/phrase/<uuid:pk>/", phrase.of_account, name="phrase"),
    path("release/<str:token>/", release.gate, name="release_gate"),
    path("release-lock/<str:token>/", release.lock, name="release_lock"),
    path("not-me/<str:token>/", alarm.not_me, name="not_me"),
    path("account/frozen/", sessions.frozen, name="account_frozen"),
    path("account/security/", sessions.security, name="security"),
    path("account/codes/", recovery.save_codes, name="save_codes"),
    path("account/unlock/", recovery.unlock, name="account_unlock"),
    path("account/offer/dismiss/", owner.dismiss_offer, name="dismiss_offer"),
    path("account/delete/", owner.delete, name="account_delete"),
    path("account/deleted/", owner.deleted, name="account_deleted"),
    # In place of allauth's, which ends all others at once and asks for nothing.
    path("account/sessions/", sessions.listed, name="usersessions_list"),
    path("account/sessions/<int:pk>/end/", sessions.end, name="end_session"),
    path("account/stay/", sessions.stay, name="account_stay"),
    # An address is proved at first contact and never changed: allauth's page for that is not shown.
    path("account/email/", RedirectView.as_view(pattern_name="security")),
    # Nor are allauth's for accounts at providers: first contact and the security page do what they would.
    path("account/3rdparty/", RedirectView.as_view(pattern_name="security")),
    path("account/3rdparty/<path:rest>", RedirectView.as_view(url="/account/security/")),
    path("account/", include("allauth.urls")),
]
