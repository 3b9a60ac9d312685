"""Other libraries' interfaces on pyattn's engine."""
