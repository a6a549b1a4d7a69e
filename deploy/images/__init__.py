"""The services' images, built and started without a daemon: ``python -m deploy.images``."""
