"""The actions: what can be asked for."""
