"""A Jupyter-first research and trading environment with a bot hosted in a notebook's kernel.

``rigd.backtest("open", data=…, start=…, end=…)`` runs a backtest; see `rigd.hosts.research`.
``rigd.sweep("open", grid=…, data=…, start=…)`` sweeps a grid; see `rigd.hosts.sweep.notebook`.
``%load_ext rigd`` brings the line magic; see `rigd.hosts.magic`.
"""

from rigd.core.lazy import LazyNames

__all__ = ["__version__"]

__version__ = "0.1.0"

_LAZY = LazyNames(
    "rigd",
    {
        "backtest": "rigd.hosts.research",
        "load_ipython_extension": "rigd.hosts.magic",
        "sweep": "rigd.hosts.sweep.notebook",
    },
    ("__version__",),
)
__getattr__ = _LAZY.load
__dir__ = _LAZY.names
