"""From a track request to finished audio in Cloud Storage, paid for once."""
