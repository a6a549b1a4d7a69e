"""What is left of an erased track: in Firestore, and in a bucket with all its generations."""

from typing import Any

from google.cloud.firestore import Client as Firestore
from google.cloud.storage import Bucket

SECRET_WORDS = ("xylophones", "bassoons", "hush-hush", "token=open-sesame")
"""In the texts of ``TEXTS``, and nowhere else."""
TEXTS: dict[str, Any] = {
    "prompt": "xylophones at dawn",
    "negative_prompt": "bassoons",
    "metadata": {"title": "hush-hush"},
    "callback_url": "https://hooks.example/in?token=open-sesame",
}


def documents(client: Firestore) -> dict[str, str]:
    """Every document of the project, as text, by its path."""
    return {
        found.reference.path: repr(found.to_dict())
        for collection in client.collections()
        for found in collection.stream()
    }


def telling(client: Firestore) -> set[str]:
    """Paths of the documents that still hold one of the words."""
    return {
        path
        for path, text in documents(client).items()
        if any(word in text for word in SECRET_WORDS)
    }


def generations(bucket: Bucket, request_id: str) -> list[str]:
    """Names of a track's objects, one for each generation, noncurrent ones too."""
    found = bucket.list_blobs(versions=True)
    return sorted(blob.name for blob in found if request_id in blob.name)
