"""Adapters to Google Cloud, one client library per file."""
