"""The quickstart: a broker, the agent and a Pod, in a directory of their own, gone afterwards.

Runs as `python -m scripts.demo` (see scripts/quickstart). Nothing here is part of edgelet; it looks from outside, with
the programs that anybody has: mosquitto_pub, mosquitto_sub, podman, and the `edgelet` command.
"""
