"""Owns every key and every secret."""
