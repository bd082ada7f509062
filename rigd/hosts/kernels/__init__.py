"""The strategies' own functions, compiled; numba is imported on first use."""
