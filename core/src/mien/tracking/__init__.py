"""Faces followed over the frames of a video, and who they are."""
