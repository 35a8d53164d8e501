"""One table of our own in the kernel's packet filter: masquerade and host ports."""
