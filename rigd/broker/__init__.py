"""The broker: the one assigned account, its adapters, and the simulated exchange."""
