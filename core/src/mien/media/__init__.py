"""Image and video files: found, read, and written whole or not at all."""
