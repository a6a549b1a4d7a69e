"""The commands of ``motif``, by what they do."""
