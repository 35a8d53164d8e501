"""Netlink, spoken by ourselves: links, addresses and routes without a program and without a library's 13 MB."""
