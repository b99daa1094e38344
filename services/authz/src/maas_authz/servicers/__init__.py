"""gRPC services, one file each."""
