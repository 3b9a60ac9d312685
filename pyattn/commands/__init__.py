"""The command line: `main` reads the arguments, the other files do the work."""
