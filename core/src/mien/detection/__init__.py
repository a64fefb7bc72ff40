"""The faces of images and videos as a list, for other tools."""
