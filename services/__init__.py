"""The three Cloud Run services; each imports only ``shared`` and itself."""
