"""Modal's RPCs, one area a module; each method carries the RPC's own name."""
