"""Which plugins are installed, how one is chosen, configured and checked."""
