"""The local stand-in for Cloud Storage (JSON and XML APIs), IAM's signBlob, and Cloud CDN."""
