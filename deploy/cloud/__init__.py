"""Motif in a Google Cloud project: deployed, verified, rolled out, destroyed; dead letters."""
