"""How fast the function is compared with others; a table, not a test."""
