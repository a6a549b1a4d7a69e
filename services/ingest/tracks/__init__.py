"""Tracks: submit, look, list, cancel, retry, erase."""
