"""Real processes that die, fail or lose power at every boundary, and the judge of what is left."""
