"""The local API's server half: HTTP/1.1 (h11) and WebSocket (wsproto, on first use) on a unix socket."""
