"""How fast the function is beside others that do the same; a table, and no test of anything."""
