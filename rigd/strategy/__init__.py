"""Decides: pure strategy definitions, their exits as data, and one stepper that runs them."""
