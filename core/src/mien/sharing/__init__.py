"""Runs that are handed on: exported, with a card, as a distribution, and listed."""
