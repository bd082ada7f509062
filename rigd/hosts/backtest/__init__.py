"""The backtest host: a strategy over years of minute bars, with the session's own functions."""
