"""Sandboxes as namespaces that the agent keeps: addresses, bridge, pins and host ports put together."""
