"""A Jupyter-first research and trading environment with a bot hosted in a notebook's kernel.

``rigd.sweep("open", grid=…, data=…, start=…)`` sweeps a grid; see `rigd.hosts.sweep.notebook`.
"""

from rigd.core.lazy import LazyNames
from rigd.hosts.magic import load_ipython_extension

__all__ = ["__version__", "load_ipython_extension"]

__version__ = "0.1.0"

_LAZY = LazyNames("rigd", {"sweep": "rigd.hosts.sweep.notebook"}, ("__version__",))
__getattr__ = _LAZY.load
__dir__ = _LAZY.names
