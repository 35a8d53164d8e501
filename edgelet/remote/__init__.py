"""What is asked of this board from outside, answered from ports: Kubernetes' API, logs and exec."""
