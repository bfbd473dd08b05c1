"""What runs next to the GPU, and the local cloud it can be rehearsed on."""
