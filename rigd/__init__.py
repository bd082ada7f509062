"""A Jupyter-first research and trading environment with a bot hosted in a notebook's kernel."""

from rigd.hosts.research import backtest

__all__ = ["__version__", "backtest"]

__version__ = "0.1.0"
