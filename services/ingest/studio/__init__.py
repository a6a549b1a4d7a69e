"""The Studio: a page at ``/`` that does what the public API can, and its files."""
