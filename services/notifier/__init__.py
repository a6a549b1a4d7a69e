"""From a track's ending to a signed webhook that arrives."""
