"""Images and videos in which nobody can be recognized any more."""
