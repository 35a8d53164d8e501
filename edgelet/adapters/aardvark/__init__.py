"""Podman's aardvark-dns as the pods' name server: a process of ours, apart from those that netavark starts."""
