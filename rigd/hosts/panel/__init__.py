"""The control panel's server: a standalone Voila with our users, roles, routes and kernels."""
