"""Settings: frozen values, one class a concern, units in names. Read by `load`, documented in configs/edgelet.toml."""
