"""Sign-in with a provider by OpenID Connect, on allauth: stricter tokens, our addresses, our pages."""
