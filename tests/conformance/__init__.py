"""One body of tests over every broker (BROKERS §8)."""
