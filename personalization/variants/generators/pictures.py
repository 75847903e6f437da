"""Whether bytes are an image that may be kept: a real PNG, JPEG or WebP of a bearable size, read to its end."""

import base64
import binascii
import io
import warnings

from PIL import Image

FORMATS = {"PNG": "png", "JPEG": "jpeg", "WEBP": "webp"}
LONGEST_SIDE = 4096
# Of the answer that carries it; base64 takes a third more than the image itself.
MOST_BYTES = 24 * 1024 * 1024


def decoded(text: str) -> bytes:
    """The bytes that base64 stands for; none if it stands for none."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def format_of(content: bytes) -> str:
    """The format of an image that may be kept; empty for everything else."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=tuple(FORMATS)) as image:
                if max(image.size) > LONGEST_SIDE:
                    return ""
                image.load()
                return FORMATS[image.format or ""]
    except Exception:  # decoders raise whatever broken bytes lead them to
        return ""
