"""The network between pods and the world: sandboxes without an engine, services and names stand here."""
