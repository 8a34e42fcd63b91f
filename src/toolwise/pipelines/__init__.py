"""One verb each: the functions behind the command line."""
