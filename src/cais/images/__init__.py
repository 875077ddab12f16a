"""Holds images: an OCI layout on disk, snapshots by chain ID, references. Knows nothing of builds or containers."""
