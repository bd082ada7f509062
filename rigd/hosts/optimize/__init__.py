"""Searches a strategy's parameters, counts every trial, and proposes what a person may approve."""
