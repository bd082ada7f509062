"""The simulated exchange: minute bars in, orders and fills out, its truth in its own log."""
