"""Forms of the account pages."""

from django import forms


class ClosedSignupForm(forms.Form):
    """allauth's sign-up form, which is never shown: accounts begin with an invitation."""
