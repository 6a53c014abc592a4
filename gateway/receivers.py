"""What this app does when news arrives from below."""
