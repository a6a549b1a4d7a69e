"""The local stand-in for Cloud Storage (JSON and XML APIs) and for IAM's signBlob."""
