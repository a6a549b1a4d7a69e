"""A track as it changes: streams and what feeds them."""
