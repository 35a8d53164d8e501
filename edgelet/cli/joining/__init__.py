"""A board's way into a fleet: what `edgelet join` is made of."""
