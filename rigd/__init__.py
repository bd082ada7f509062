"""A Jupyter-first research and trading environment with a bot hosted in a notebook's kernel."""

__all__ = ["__version__"]

__version__ = "0.1.0"
