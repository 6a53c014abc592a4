"""Real servers for tests: each in a private directory, on free loopback ports, stopped by id."""
