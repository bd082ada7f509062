"""The resident supervisor: the only launcher, its schedule, its requests and its health port."""
