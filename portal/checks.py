"""Errors that stop a role from starting on an unsafe configuration."""
