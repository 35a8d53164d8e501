"""systemd: the service manager's notification socket."""
