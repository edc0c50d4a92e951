"""When somebody is asked before a call is made."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from pydantic import BeforeValidator, Field, field_validator, model_validator

from schemas.result import Record
from schemas.rules import parse_rule

ApprovalDefault = Literal["reject", "approve"]


class ApprovalPolicy(Record):
    """Whether a call of a tool or agent has to be approved; ``always`` and ``never`` are short for ``ask``.

    Attributes:
        ask: always; never, whatever ``approvals`` says; rule: where one of the rules holds.
        rule: A rule over the resolved arguments (``schemas.rules``), such as ``amount_usd > 500``, or several: one that
            holds is enough. One that cannot be told of a call asks.
        timeout_s: After so many seconds without an answer ``by_default`` is taken; None: as ``approvals`` says.
        by_default: See there; None: as ``approvals`` says.
    """

    ask: Literal["always", "rule", "never"] = "always"
    rule: tuple[str, ...] = ()
    timeout_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    by_default: ApprovalDefault | None = None

    @model_validator(mode="before")
    @classmethod
    def _rules_ask_by_rule(cls, given: object) -> object:
        if not isinstance(given, dict):
            return given
        said = cast("dict[str, Any]", given)
        rules = said.get("rule")
        if isinstance(rules, str):
            said = {**said, "rule": (rules,)}
        return {"ask": "rule", **said} if rules else said

    @field_validator("rule")
    @classmethod
    def _are_rules(cls, rules: tuple[str, ...]) -> tuple[str, ...]:
        for rule in rules:
            parse_rule(rule)
        return rules

    @model_validator(mode="after")
    def _says_one_thing(self) -> ApprovalPolicy:
        if (self.ask == "rule") is not bool(self.rule):
            raise ValueError(f"ask: {self.ask} and {len(self.rule)} rules contradict each other")
        return self


def _in_short(given: object) -> object:
    return {"ask": given} if isinstance(given, str) else given


Approval = Annotated[
    ApprovalPolicy,
    BeforeValidator(_in_short, json_schema_input_type=Literal["always", "never"] | ApprovalPolicy),
]
