"""What `manage.py setup` does: each step is safe to take again."""
