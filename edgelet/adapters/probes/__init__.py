"""ports.probe_net: HTTP, TCP and gRPC questions from the agent to a container."""
