"""What a plugin's author reads: the base classes of the kinds, and what crosses them."""
