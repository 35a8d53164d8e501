"""Namespaces without a process in them: made by a thread, kept by a bind mount, entered by a thread."""
