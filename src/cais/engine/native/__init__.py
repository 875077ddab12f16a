"""The engine that runs containers itself: an OCI runtime, conmon, overlayfs, bridges, nftables, a name server of our own."""
