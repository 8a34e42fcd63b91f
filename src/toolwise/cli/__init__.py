"""The command line: parse, build a configuration, run a pipeline, render."""
