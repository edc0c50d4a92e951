"""Keys, tokens and private keys in text: by the prefixes their makers gave them, by shape, and by entropy.

Prefixes and lengths are facts of their makers' documentation, compared with the public rules of gitleaks (MIT).
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections import Counter
from collections.abc import Iterator

from gateway.filters.phrases import lowered
from gateway.filters.window import Span

# What it is: (its beginnings, what follows, bits of entropy a character that it has at least).
_RULES: dict[str, tuple[tuple[str, ...], str, float]] = {
    "gateway key": (("ek-",), r"[A-Za-z0-9]{40,60}", 3.5),
    "API key": (("sk-", "gsk_", "xai-", "pplx-", "r8_", "csk-", "fw_"), r"[A-Za-z0-9_-]{20,220}", 3.2),
    "AWS key": (("AKIA", "ASIA", "ABIA", "ACCA"), r"[A-Z2-7]{16}", 2.5),
    "GitHub token": (("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"[A-Za-z0-9]{36,255}", 3.0),
    "GitHub fine-grained token": (("github_pat_",), r"[A-Za-z0-9_]{40,255}", 3.0),
    "GitLab token": (("glpat-", "gldt-", "glrt-"), r"[A-Za-z0-9_-]{20,64}", 3.0),
    "Slack token": (("xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-", "xapp-"), r"[A-Za-z0-9-]{12,255}", 2.5),
    "Slack address": (("hooks.slack.com/services/",), r"T[A-Za-z0-9_/]{24,80}", 3.0),
    "Google key": (("AIza",), r"[A-Za-z0-9_-]{35}", 3.0),
    "Google token": (("ya29.", "GOCSPX-"), r"[A-Za-z0-9_-]{20,500}", 3.0),
    "Stripe key": (("sk_live_", "rk_live_", "sk_test_", "rk_test_", "whsec_"), r"[A-Za-z0-9+/=]{16,255}", 3.0),
    "SendGrid key": (("SG.",), r"[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}", 3.5),
    "npm token": (("npm_",), r"[A-Za-z0-9]{36}", 3.0),
    "PyPI token": (("pypi-AgE",), r"[A-Za-z0-9_-]{50,255}", 3.5),
    "Hugging Face token": (("hf_",), r"[A-Za-z0-9]{34}", 3.0),
    "Databricks token": (("dapi",), r"[0-9a-f]{32}", 2.5),
    "DigitalOcean token": (("dop_v1_", "doo_v1_", "dor_v1_"), r"[0-9a-f]{64}", 2.5),
    "Shopify token": (("shpat_", "shpca_", "shppa_", "shpss_"), r"[0-9a-fA-F]{32}", 2.5),
    "Atlassian token": (("ATATT3",), r"[A-Za-z0-9_=-]{60,255}", 3.5),
    "Vault token": (("hvs.", "hvb."), r"[A-Za-z0-9_-]{24,255}", 3.0),
    "Linear or Notion key": (("lin_api_", "ntn_"), r"[A-Za-z0-9]{32,64}", 3.0),
    "age key": (("AGE-SECRET-KEY-1",), r"[A-Z0-9]{58}", 3.0),
    "storage key": (("AccountKey=",), r"[A-Za-z0-9+/]{60,90}={0,2}", 4.0),
    "JSON web token": (
        ("eyJ",),
        r"[A-Za-z0-9_-]{8,1500}+\.eyJ[A-Za-z0-9_-]{4,2000}+\.[A-Za-z0-9_-]{10,500}",
        3.5,
    ),
}
_BY_PREFIX = {
    prefix: (what, re.compile(rf"(?<![A-Za-z0-9_-]){re.escape(prefix)}({tail})(?![A-Za-z0-9_])"), bits)
    for what, (prefixes, tail, bits) in _RULES.items()
    for prefix in prefixes
}
_PEM = "-----BEGIN"
_PEM_HEAD = re.compile(r"-----BEGIN[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_PEM_END = re.compile(r"-----END[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_PEM_BODY = re.compile(r"[A-Za-z0-9+/=\s\\:,]*+")
_PEM_LONGEST = 8_000
_NAMES = ("key", "secret", "token", "passw", "pwd", "credential", "authorization", "bearer")
_ASSIGNED = re.compile(
    r"(?:key|secret|token|passw(?:or)?d|pwd|credentials?|authorization|bearer)[A-Za-z_]{0,12}[\"']?\s{0,3}"
    r"(?::=|=>|[:= ])\s{0,3}(?:bearer |basic )?[\"']?([A-Za-z0-9+/_.~!@#$%^&*=-]{12,512})",
    re.IGNORECASE,
)
_DUMMY = re.compile(
    r"your|example|placeholder|change.?me|dummy|sample|redacted|xxxx|\*\*\*\*|\.\.\.|1234567|\$\{", re.I
)
_IN_URL = re.compile(r"://[^\s:/@]{1,64}:([^\s:/@]{4,128})@")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{24,4096}={0,2}")
_TOKEN_CHARS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_.~!@#$%^&*=-:\"'"
_DIGIT = re.compile("[0-9]")
_SHORTEST = 12  # no secret is a shorter word
_PEM_OPEN = re.compile(_PEM_BODY.pattern + r"(?:-{1,5}(?:E(?:N(?:D[A-Z0-9 ]{0,60}-{0,4})?)?)?)?")
_ENTROPY = 3.4


class SecretFinder:
    """Finds secrets (implements ``gateway.filters.window.Finder``)."""

    longest = _PEM_LONGEST + 100

    def find(self, text: str, start: int) -> Iterator[Span]:
        """Yield them; where two overlap, the one that begins first."""
        spans = list(_pems(text, start)) if _PEM in text else []
        long = " ".join([word for word in text.split() if len(word) >= _SHORTEST])
        if long:
            spans += _known(text, start, long)
            if _DIGIT.search(long):
                spans += [*_assigned(text, start), *_wrapped(text, start, long)]
        at = start
        for begin, end, what in sorted(spans, key=lambda span: (span[0], -span[1])):
            if begin >= at:
                at = end
                yield begin, end, what

    def open_from(self, text: str, start: int) -> int:
        """Return where a secret may begin that goes on: the last word, and what it is assigned to."""
        pem = text.rfind(_PEM, start)
        head = _PEM_HEAD.match(text, pem) if pem >= 0 else None
        if head is not None and _PEM_OPEN.fullmatch(text, head.end()):
            return pem
        at = max(start, len(text.rstrip(_TOKEN_CHARS)))
        named = _NAMED_LAST.search(text, max(start, at - 40))
        return at if named is None else min(at, named.start())


_NAMED_LAST = re.compile(
    r"(?:key|secret|token|passw(?:or)?d|pwd|credentials?|authorization|bearer)[A-Za-z_]{0,12}[\"']?\s{0,3}"
    r"(?:(?::=|=>|[:= ])\s{0,3})?(?:bearer |basic )?[\"']?[A-Za-z0-9+/_.~!@#$%^&*=-]*\Z"
    r"|-{1,5}(?:BEGIN[A-Z0-9 ]{0,60}-{0,4})?\Z",
    re.IGNORECASE,
)


def entropy(text: str) -> float:
    """Return Shannon's entropy of a text, bits a character.

    >>> entropy("aaaa"), entropy("abcd")
    (0.0, 2.0)
    """
    size = len(text)
    return sum(-count / size * math.log2(count / size) for count in Counter(text).values()) + 0.0


def _known(text: str, start: int, long: str) -> Iterator[Span]:
    """Yield what has a known prefix; ``long`` holds the long words of the text, where alone they can stand."""
    for prefix, (what, pattern, bits) in _BY_PREFIX.items():
        if prefix in long:
            for match in pattern.finditer(text, start):
                value = match.group(1)
                words = what == "API key" and not _DIGIT.search(value)
                if not words and entropy(value) >= bits and not _DUMMY.search(value):
                    yield *match.span(), what
    if "://" in long and "@" in long:
        for match in _IN_URL.finditer(text, start):
            if not _DUMMY.search(match.group(1)):
                yield *match.span(1), "password"


def _pems(text: str, start: int) -> Iterator[Span]:
    at = text.find(_PEM, start)
    while at >= 0:
        head = _PEM_HEAD.match(text, at)
        if head is None:
            at = text.find(_PEM, at + 1)
            continue
        end = _pem_end(text, head.end())
        yield at, end, "private key"
        at = text.find(_PEM, end)


def _pem_end(text: str, head_end: int) -> int:
    """Return where a private key ends: behind its last line, or where what is no key's text begins."""
    body = _PEM_BODY.match(text, head_end, head_end + _PEM_LONGEST)
    end = head_end if body is None else body.end()
    last = _PEM_END.match(text, end)
    return end if last is None else last.end()


def _assigned(text: str, start: int) -> Iterator[Span]:
    low = lowered(text)
    for name in _NAMES:
        at = low.find(name, start)
        while at >= 0:
            match = _ASSIGNED.match(text, at)
            if match is not None and _random(match.group(1)) and not _DUMMY.search(match.group(1)):
                yield *match.span(1), "secret"
            at = low.find(name, at + 1 if match is None else match.end())


def _random(value: str) -> bool:
    kinds = (str.islower, str.isupper, str.isdigit)
    mixed = sum(any(map(kind, value)) for kind in kinds) >= 2
    return mixed and any(map(str.isdigit, value)) and entropy(value) >= _ENTROPY - (0.6 if len(value) < 20 else 0)


def _wrapped(text: str, start: int, long: str) -> Iterator[Span]:
    """Yield base64 with a known secret inside."""
    if _BASE64.search(long) is None:
        return
    for match in _BASE64.finditer(text, start):
        inside = _unwrapped(match.group())
        if inside and (next(_known(inside, 0, inside), None) or next(_pems(inside, 0), None)):
            yield *match.span(), "wrapped secret"


def _unwrapped(text: str) -> str:
    """Return what base64 holds, as far as it is ASCII; empty for anything else."""
    plain = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        data = base64.b64decode(plain + "=" * (-len(plain) % 4))
    except (binascii.Error, ValueError):
        return ""
    return data.decode("ascii") if data.isascii() else ""
