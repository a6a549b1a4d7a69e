"""The public API: validate a request, store the track, publish its wake-up."""
