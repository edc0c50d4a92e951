"""The error tree."""

from __future__ import annotations

import json
import pickle

import pytest

from schemas.errors import EngineError, RateLimitError, error_classes, from_info
from schemas.result import ErrorInfo

CLASSES = sorted(error_classes().values(), key=lambda cls: cls.code)


def descendants(cls: type[EngineError]) -> list[type[EngineError]]:
    return [cls, *(deeper for sub in cls.__subclasses__() for deeper in descendants(sub))]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.code)
def test_each_error_can_be_acted_on_and_sent(cls: type[EngineError]) -> None:
    """Every error has an HTTP status and an exit code, pickles, and round-trips through JSON."""
    error = cls("what, where", hint="do this", details={"path": "$.a", "retry_after_s": 1.5})
    assert 400 <= cls.http_status <= 599 or cls.code == "parked"  # 202: it is not over
    assert cls.exit_code in {*range(1, 11), 12, 13, 130}
    sent = from_info(ErrorInfo.model_validate_json(error.to_info().model_dump_json()))
    for copy in (pickle.loads(pickle.dumps(error)), sent):
        assert type(copy) is cls
        assert (copy.message, copy.hint, copy.details) == (error.message, error.hint, error.details)
    assert str(error) == "what, where"
    json.dumps(error.to_info().model_dump(mode="json"))


def test_codes_are_unique() -> None:
    """No two errors share a code, and a deeper code begins with that of its family."""
    found = list(dict.fromkeys(descendants(EngineError)))
    assert len({cls.code for cls in found}) == len(found)
    for cls in found:
        parent = cls.__mro__[1]
        if "." in cls.code:
            assert cls.code.startswith(f"{getattr(parent, 'code', '')}.")


def test_an_error_of_a_later_version_is_still_an_error() -> None:
    """A code nobody knows gives the base class, with what it said."""
    error = from_info(ErrorInfo(code="from.tomorrow", message="new"))
    assert (type(error), error.message) == (EngineError, "new")


def test_how_long_to_wait_is_carried() -> None:
    """A rate limit says how long to wait, or that it was not told."""
    assert RateLimitError("slow", details={"retry_after_s": 3.0}).retry_after_s == 3.0
    assert RateLimitError("slow").retry_after_s is None
