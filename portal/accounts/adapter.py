"""How allauth behaves here: sign-up is closed, links use PORTAL_BASE_URL, mail goes out as notices."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class PortalAccountAdapter(DefaultAccountAdapter):
    """allauth's account adapter, for an invitation-only portal."""

    def is_open_for_signup(self, _request: HttpRequest) -> bool:
        """Return False: an account begins with an invitation."""
        return False
