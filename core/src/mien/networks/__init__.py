"""Networks that lie in a plugin's package as files, run by a kept runtime."""
