"""`mien demo`: the whole path on clips that come along."""
