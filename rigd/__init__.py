"""A Jupyter-first research and trading environment with a bot hosted in a notebook's kernel."""

from rigd.hosts.magic import load_ipython_extension

__all__ = ["__version__", "load_ipython_extension"]

__version__ = "0.1.0"
