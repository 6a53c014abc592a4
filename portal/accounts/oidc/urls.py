"""The two addresses of a sign-in with a provider; allauth includes them by the provider's package."""

from django.urls import path

from portal.accounts.views import provider

urlpatterns = [
    path("oidc/<slug:provider_id>/", provider.start, name="provider_start"),
    path("oidc/<slug:provider_id>/callback/", provider.callback, name="openid_connect_callback"),
]
