"""The peers: each runs in its own process and environment and knows nothing of rigd."""
