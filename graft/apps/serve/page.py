"""The page to try the classifier on: one file, nothing of it from elsewhere."""

import base64
import hashlib
import re
from pathlib import Path

HTML = Path(__file__).with_suffix(".html").read_text(encoding="utf-8")


def policy(html: str) -> str:
    """Return the Content-Security-Policy under which a page runs its own inline script and style, and nothing else."""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {_digest(html, 'script')}",
            f"style-src {_digest(html, 'style')}",
            "img-src blob: data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )


def _digest(html: str, tag: str) -> str:
    (inline,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, flags=re.DOTALL)
    return f"'sha256-{base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()}'"


POLICY = policy(HTML)
