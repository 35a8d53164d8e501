"""One verb a file: its summary, flags, examples and what it does."""
