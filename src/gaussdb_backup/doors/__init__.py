"""Where events come in: each door recognises its own, reads it, and shapes its answer."""
