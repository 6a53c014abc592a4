"""The demo: Sam's mail server, four recipients, their mail hosts and their DNS, all on this machine."""
