"""What is used of Google by one track, and by a month without any.

The usual track: 30 s as WAV, one call of the model, a callback instead of polls, fetched once. What
is counted comes from ``benchmarks/operations.py``; what is assumed says so.
"""

import json
import re
from pathlib import Path
from typing import Final

from deploy.checks.prices import Use

_ALERTS: Final = Path(__file__).parents[1] / "monitoring" / "alerts.json"
_MINUTES: Final = 43_800  # in a month
_CALL: Final = 25.0  # seconds that a call of the model takes: assumed, rather too long
_FINISH: Final = 3.0  # seconds from the clip to the stored files: the local stack takes one
_WAV: Final = 5_760_044  # bytes
_CLIP: Final = 6_291_500
_SIDES: Final = 60_000  # metadata, waveform, spectrogram, the request
_OBJECTS: Final = 4  # that stay in OUTPUT
_DOCUMENTS: Final = 12_000  # track, usage, delivery, with their indexes
_PASS: Final = 0.2  # seconds that a sweep keeps its instance busy
_IMAGES: Final = 3 * 10 * 120e6  # ten of each service, compressed

# Counted, without the pass of the sweepers that fell into the time.
_WRITES: Final = 20 + 2  # two when the raw clip goes, a day later
_READS: Final = 54 + 2
_MESSAGES: Final = 2
_MESSAGE_BYTES: Final = 3_356
_OBJECTS_A: Final = 6
_OBJECTS_B: Final = 6
_LOG_BYTES: Final = 3_070
_SWEEP_QUERIES: Final = 6  # of both services, each minute

_BUSY: Final = _CALL + _FINISH
_SPANS: Final = 25
_LOG: Final = _LOG_BYTES + 10 * 1_200  # our lines, and the requests that Cloud Run logs

TRACK: Final = (
    Use("Cloud Run", "cpu", _BUSY, "generator: the call and the finishing, alone on its vCPU"),
    Use("Cloud Run", "memory", _BUSY * 2, "the same at 2 GiB"),
    Use("Cloud Run", "cpu", 2.0, "ingest and notifier: some ten short requests"),
    Use("Cloud Run", "memory", 2.0, "the same at 1 GiB"),
    Use("Cloud Run", "request", 10, "submit, pushes, one fetch"),
    Use("Firestore", "write", _WRITES, "counted"),
    Use("Firestore", "read", _READS, "counted, each query at its limit"),
    Use("Firestore", "delete", 3, "track, delivery, allowance, after their time"),
    Use("Firestore", "document", _DOCUMENTS * 3, "kept for 90 days"),
    Use("Pub/Sub, Eventarc", "message", _MESSAGE_BYTES * 2, "published and delivered"),
    Use("Pub/Sub, Eventarc", "event", _MESSAGES, "were they not free"),
    Use("storage", "standard", _WAV + _SIDES, "its first month"),
    Use(
        "storage", "standard", _CLIP * 8 / 30, "the raw clip: a day, and 7 as a noncurrent version"
    ),
    Use("storage", "nearline", 2 * (_WAV + _SIDES), "the next two months"),
    Use("storage", "coldline", 9 * (_WAV + _SIDES), "the rest of a year"),
    Use("storage", "object_a", _OBJECTS_A, "counted"),
    Use("storage", "object_b", _OBJECTS_B + 1, "counted, and one fetch"),
    Use("storage", "to_nearline", _OBJECTS, "its files after 30 days"),
    Use("storage", "to_coldline", _OBJECTS, "its files after 90 days"),
    Use("egress", "egress", _WAV, "fetched once, as WAV; an MP3 is a tenth"),
    Use("logs, traces, metrics", "log", _LOG, "counted, and Cloud Run's line for each request"),
    Use("logs, traces, metrics", "span", _SPANS, "one trace"),
    Use(
        "logs, traces, metrics",
        "metric",
        5 * 8 + 6 * 80,
        "points of five counters and six distributions",
    ),
)

_CONDITIONS: Final = (
    sum(
        len(alert["conditions"])
        for alert in json.loads(re.sub(r"\$\{\w+\}", "1", _ALERTS.read_text())).values()
    )
    + 4
)  # the burn rate of each objective

IDLE: Final = (
    Use("sweeps", "cpu", 2 * _MINUTES * _PASS, "two services, each minute"),
    Use("sweeps", "memory", _MINUTES * _PASS * 2.5, "2 GiB and half a GiB"),
    Use("sweeps", "request", 2 * _MINUTES, "the same"),
    Use("sweeps", "read", _SWEEP_QUERIES * _MINUTES, "counted; a query without an answer is one"),
    Use("sweeps", "job", 2, "generator and notifier"),
    Use("sweeps", "log", _MINUTES * 2 * 1_900, "two signals, two lines of Cloud Run's"),
    Use("metrics", "metric", _MINUTES * 3 * 8, "one counter of three collections"),
    Use("metrics", "sample", _MINUTES * 2 * 100, "OTLP: a hundred samples of two instances"),
    Use("alerts", "condition", _CONDITIONS, "deploy/monitoring/alerts.json, and the objectives"),
    Use("alerts", "series", _CONDITIONS * _MINUTES * 2, "looked at each minute, two series each"),
    Use("at rest", "secret", 3, "webhook keys, session keys, CDN keys"),
    Use("at rest", "image", _IMAGES, "ten versions of three images"),
)
