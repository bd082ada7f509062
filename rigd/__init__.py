"""A Jupyter-first research and trading environment with a bot hosted in a notebook's kernel.

``rigd.backtest("open", data=…, start=…, end=…)`` runs a backtest; see `rigd.hosts.research`.
"""

from rigd.core.lazy import LazyNames
from rigd.hosts.magic import load_ipython_extension

__all__ = ["__version__", "load_ipython_extension"]

__version__ = "0.1.0"

_LAZY = LazyNames("rigd", {"backtest": "rigd.hosts.research"}, ("__version__",))
__getattr__ = _LAZY.load
__dir__ = _LAZY.names
