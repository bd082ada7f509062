"""Every file: paths, journal, flags, output registry, locks, databases, backup, manifest."""
