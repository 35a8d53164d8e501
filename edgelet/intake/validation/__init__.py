"""The rules an object must keep beside its types. Each function returns all faults it finds, with their paths.

Source: Kubernetes pkg/apis/core/validation/validation.go.
"""
