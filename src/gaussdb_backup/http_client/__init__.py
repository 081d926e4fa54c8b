"""The HTTP client: requests to other hosts, and what their responses mean."""
