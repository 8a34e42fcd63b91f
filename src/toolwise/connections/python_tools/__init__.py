"""Python functions in a process of their own: found, described, called; the parent's side is `process`."""
