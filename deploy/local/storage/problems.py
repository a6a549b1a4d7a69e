"""What the API refuses, in the words of Cloud Storage."""

from xml.sax.saxutils import escape

from deploy.local.http import Response

# The XML API has words of its own for what the JSON API calls a reason.
_XML_CODES = {
    "conditionNotMet": "PreconditionFailed",
    "invalid": "InvalidArgument",
    "notFound": "NoSuchKey",
    "notImplemented": "NotImplemented",
}
_NOT_MODIFIED = 304


class Problem(Exception):
    """A refusal: HTTP status, reason (JSON API) or code (XML API), message."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        """All three go to the client."""
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message

    def as_json(self) -> Response:
        """The JSON API's error document; 304 has none."""
        error = {"domain": "global", "reason": self.reason, "message": self.message}
        body = {"error": {"code": self.status, "message": self.message, "errors": [error]}}
        return Response(304) if self.status == _NOT_MODIFIED else Response.json(body, self.status)

    def as_xml(self) -> Response:
        """The XML API's error document; 304 has none."""
        code = escape(_XML_CODES.get(self.reason, self.reason))
        text = (
            "<?xml version='1.0' encoding='UTF-8'?>"
            f"<Error><Code>{code}</Code><Message>{escape(self.message)}</Message></Error>"
        )
        xml = Response(self.status, text.encode(), "application/xml; charset=UTF-8")
        return Response(304) if self.status == _NOT_MODIFIED else xml


def invalid(message: str) -> Problem:
    """400: the request makes no sense."""
    return Problem(400, "invalid", message)


def no_bucket() -> Problem:
    """404 for a bucket, by JSON reason."""
    return Problem(404, "notFound", "The specified bucket does not exist.")


def no_object(bucket: str, name: str) -> Problem:
    """404 for an object or for one of its generations."""
    return Problem(404, "notFound", f"No such object: {bucket}/{name}")


def condition_not_met(status: int = 412) -> Problem:
    """412, or 304 where a read asks for something newer."""
    message = "At least one of the pre-conditions you specified did not hold."
    return Problem(status, "conditionNotMet", message)
