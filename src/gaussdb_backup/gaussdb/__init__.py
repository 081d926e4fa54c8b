"""The GaussDB service: its API, its models, its lists."""
