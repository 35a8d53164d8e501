"""edgelet: Kubernetes Pods on a board, through Podman, steered over MQTT."""

__version__ = "0.1.0"
