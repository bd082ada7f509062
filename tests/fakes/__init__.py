"""One in-memory fake per port of `core.ports`."""
