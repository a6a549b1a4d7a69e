"""Push requests that can never be understood: ``(name, headers, body)``."""

import json

from tests.support.pushes import Push, envelope, eventarc, raw

JSON = {"Content-Type": "application/json"}


def _named(**pushes: Push) -> list[tuple[str, dict[str, str], bytes]]:
    return [(name, headers, body) for name, (headers, body) in pushes.items()]


MALFORMED = _named(
    empty_body=(JSON, b""),
    not_json=(JSON, b"{'a': 1}"),
    not_utf8=(JSON, b'{"message": "\xff\xfe"}'),
    deep_json=(JSON, b"[" * 100_000),
    deep_object=(JSON, b'{"message":' * 20_000),
    endless_number=(JSON, b'{"message": ' + b"9" * 5_000 + b"}"),
    json_array=raw([envelope()]),
    json_null=raw(None),
    json_string=raw("x"),
    no_message=raw({"subscription": "s"}),
    message_is_text=raw({"message": "x"}),
    too_big=raw(envelope(b"x" * 1_000_000)),
    no_id=raw(envelope(messageId=..., message_id=...)),
    empty_id=raw(envelope(messageId="", message_id="")),
    number_as_id=raw(envelope(messageId=8)),
    lone_surrogate_in_id=raw(envelope(messageId="\ud800")),
    no_time=raw(envelope(publishTime=..., publish_time=...)),
    not_a_time=raw(envelope(publishTime="yesterday")),
    naive_time=raw(envelope(publishTime="2026-01-02T03:04:05")),
    time_before_the_calendar=raw(envelope(publishTime="0001-01-01T00:00:00+23:59")),
    bad_base64=raw(envelope(data="YW$Jj")),
    unpadded_base64=raw(envelope(data="YWI")),
    data_is_an_object=raw(envelope(data={"a": 1})),
    attributes_is_a_list=raw(envelope(attributes=["a"])),
    attribute_is_a_number=raw(envelope(attributes={"run": 1})),
    attribute_is_null=raw(envelope(attributes={"run": None})),
    surrogate_as_attribute_name=raw(envelope(attributes={"\udfff": "x"})),
    subscription_is_a_number=raw(envelope() | {"subscription": 1}),
    attempt_is_text=raw(envelope() | {"deliveryAttempt": "3"}),
    attempt_is_negative=raw(envelope() | {"deliveryAttempt": -1}),
    attempt_is_true=raw(envelope() | {"deliveryAttempt": True}),
    structured_mode=(
        {"Content-Type": "application/cloudevents+json"},
        json.dumps({"specversion": "1.0", "id": "1", "data": envelope()}).encode(),
    ),
    wrong_type=eventarc(envelope(), ce_type="google.cloud.storage.object.v1.finalized"),
    no_type=eventarc(envelope(), ce_type=None),
    no_source=eventarc(envelope(), ce_source=None),
    no_specversion=eventarc(envelope(), ce_specversion=None),
    old_specversion=eventarc(envelope(), ce_specversion="0.3"),
    empty_ce_id=eventarc(envelope(), ce_id=""),
    not_a_ce_time=eventarc(envelope(), ce_time="yesterday"),
    naive_ce_time=eventarc(envelope(), ce_time="2026-01-02T03:04:05"),
    ce_time_beyond_the_calendar=eventarc(envelope(), ce_time="9999-12-31T24:00:00Z"),
    hyphen_in_an_extension=eventarc(envelope(), ce_my_extension="x"),
    event_without_id_or_message_id=eventarc(envelope(messageId=..., message_id=...), ce_id=None),
    event_without_any_time=eventarc(envelope(publishTime=..., publish_time=...), ce_time=None),
    event_with_text_as_body=eventarc("x"),
)
