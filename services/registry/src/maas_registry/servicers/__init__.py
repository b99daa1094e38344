"""One file per gRPC service: unpack, call, pack."""
