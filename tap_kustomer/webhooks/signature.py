"""The signature of a webhook: hex HMAC-SHA256 of the raw body with the webhook's secret.

Source: https://developer.kustomer.com/docs/events/delivery-and-retries
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Sequence
from pathlib import Path

from tap_kustomer.webhooks.errors import WebhookError

__all__ = ["SECRETS_VARIABLE", "SIGNATURE_HEADER", "is_signed", "read_secrets", "sign"]

SIGNATURE_HEADER = "X-Kustomer-Webhook-Signature"
SECRETS_VARIABLE = "KUSTOMER_WEBHOOK_SECRETS"


def sign(body: bytes, secret: bytes) -> str:
    """Return the signature of ``body``."""
    return hmac.new(secret, body, hashlib.sha256).hexdigest()


def is_signed(body: bytes, signature: str, secrets: Sequence[bytes]) -> bool:
    """Whether ``signature`` was made with one of ``secrets``; as slow for one as for another."""
    sent = signature.encode("utf-8", "surrogateescape")
    matches = [hmac.compare_digest(sign(body, one).encode(), sent) for one in secrets]
    return any(matches)


def read_secrets(file: str | None) -> list[bytes]:
    """Return the secrets: of ``file``, one a line, else of the environment, between commas.

    Raises: ``WebhookError`` when there is none.
    """
    if file is None:
        source = f"The variable {SECRETS_VARIABLE}"
        texts = os.environ.get(SECRETS_VARIABLE, "").split(",")
    else:
        source = f"The file {file}"
        try:
            texts = Path(file).read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            msg = f"The file of secrets {file} cannot be read: {reason}."
            raise WebhookError(msg) from None
    secrets = [text.strip().encode("utf-8", "surrogateescape") for text in texts]
    secrets = [secret for secret in secrets if secret]
    if not secrets:
        msg = (
            f"{source} holds no secret. Copy the webhook's secret from Kustomer and put it into "
            f"{SECRETS_VARIABLE}, or into a file that --secrets-file names. While a secret is "
            "being replaced, give the old one and the new one."
        )
        raise WebhookError(msg)
    return secrets
