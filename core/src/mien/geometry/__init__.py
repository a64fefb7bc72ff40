"""Alignment, expression and head pose: from landmarks to numbers and transforms."""
