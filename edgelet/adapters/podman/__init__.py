"""Podman by its libpod REST API: the engine, used when there is work and never kept."""
