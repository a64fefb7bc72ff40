"""Work in threads and processes."""
