"""A catalog as a running server: MCP or HTTP."""
