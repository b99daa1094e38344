"""The wire: unpack, call, pack."""
