"""The local API's server half: HTTP/1.1 (h11) and WebSocket (wsproto, on first use) on a unix socket.

Measured cost of importing: h11 0.5 MB, the whole server 2.4 MB with asyncio's streams, wsproto another 0.4 MB.
"""
