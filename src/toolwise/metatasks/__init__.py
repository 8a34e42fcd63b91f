"""Meta-tasks: self-supervised questions about tool executions (MetaTool, arXiv 2407.12871)."""
