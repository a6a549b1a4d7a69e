"""IAM Credentials' signBlob: services hold no key, here as in the cloud."""

import base64
import binascii

from deploy.local.http import Request, Response
from deploy.local.keys import SIGNER_ACCOUNT, SigningKey


def sign_blob(request: Request, account: str, key: SigningKey) -> Response:
    """Sign the base64 `payload` for SIGNER_ACCOUNT; 403 for any other account."""
    if account != SIGNER_ACCOUNT:
        message = "Permission 'iam.serviceAccounts.signBlob' denied on resource."
        return _refusal(403, "PERMISSION_DENIED", message)
    try:
        payload = base64.b64decode(request.json()["payload"], validate=True)
    except (ValueError, KeyError, TypeError, binascii.Error):
        return _refusal(400, "INVALID_ARGUMENT", "payload must be base64.")
    signature = base64.b64encode(key.sign(payload)).decode()
    return Response.json({"keyId": key.key_id, "signedBlob": signature})


def _refusal(code: int, status: str, message: str) -> Response:
    return Response.json({"error": {"code": code, "message": message, "status": status}}, code)
