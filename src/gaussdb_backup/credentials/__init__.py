"""The credentials: how the function proves who it is."""
