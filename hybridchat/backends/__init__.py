"""One file per protocol, a registry, discovery and health."""
