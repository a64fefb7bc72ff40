"""How long each part of the work takes on this machine."""
