"""mien's command line. Every command asks the core for one thing and shows the answer."""
