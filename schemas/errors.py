"""Every error this project raises on purpose.

    EngineError
    ├── ConfigError              the user mends a file, an option or an environment variable
    ├── RequestError             the client mends its request: no JSON, or no place in a stream
    │   ├── RequestFieldError        a field is not there, is not known, or has a value that is not possible
    │   ├── RequestTooLargeError
    │   ├── RequestHeadError         too many headers, or too long ones
    │   ├── RequestMethodError       there is something at that address, but not for this method
    │   ├── RequestMediaError        a content type, charset or encoding that is not read here
    │   ├── RequestSlowError         the request did not come in time
    │   ├── AccessError              no token or key, or a wrong one
    │   ├── ScopeError               the key is right, and may not do this
    │   ├── OriginError              a page of another site asks, or the request was sent to another host
    │   └── BusyError                as many runs as it takes are in flight; carries retry_after_s
    ├── NotFoundError            the named run, approval or artifact does not exist
    ├── ConflictError            the answer or append came too late; reload and look again
    │   └── FencedError              another driver took the run over; write nothing more
    ├── PlanError                the planner (or the person who wrote the plan) mends the plan
    │   ├── PlanParseError           no plan could be read from the text
    │   ├── PlanSchemaError          a field is missing, of a wrong type, or names nothing declared
    │   └── PlanGraphError           cycle, duplicate id, missing dependency
    ├── ModelError               the gateway retries, falls back, or gives up
    │   ├── ModelTimeoutError
    │   ├── RateLimitError           carries retry_after_s
    │   ├── ModelUnavailableError    connection, 5xx, overloaded
    │   ├── ModelRequestError        the provider refused the request (4xx)
    │   │   └── ModelAccessError         it refuses our key, or our account
    │   ├── ContextLengthError       the request does not fit the model
    │   ├── ModelRefusalError        refused by the model or a content filter
    │   ├── ModelOutputError         an answer that cannot be read
    │   ├── FilterBlockedError       a filter of the gateway refused the request or the answer
    │   ├── FilterFailedError        a filter of the gateway failed, and nothing goes on without it
    │   └── NoRouteError             no model answers to that name
    ├── StepError                one step, never the run
    │   ├── StepInputError           a reference or an argument cannot be resolved
    │   ├── StepOutputError          the result is not JSON or contradicts expected_output
    │   ├── StepTimeoutError
    │   └── StepRejectedError        a person, a policy or a spending limit said no
    ├── ToolError                raised by, or about, one tool
    │   ├── ToolNotFoundError
    │   ├── ToolArgumentsError
    │   ├── ToolFailedError
    │   ├── ToolUnavailableError     may work again later
    │   ├── ToolPostponedError       it asks to be called later; no failure
    │   └── ElicitationDeclinedError a question that it asked of a person has no answer
    ├── ReplanLimitError         a cap on replanning ended the repair
    ├── BudgetError
    │   ├── TokenBudgetError
    │   ├── CostBudgetError
    │   ├── BudgetPausedError        of a key, an agent or all: until its period ends; carries retry_after_s
    │   └── TimeBudgetError
    ├── RunCancelledError
    ├── RunFailedError           the run of an assistant failed, and there is nothing to read but why
    ├── RunParkedError           not over: it waits for an answer or a time, and nobody drives it meanwhile
    ├── StoreError
    └── WorkerLostError          a worker that others declared dead; start it again

Each class carries what a caller needs to act without reading the message: a stable ``code``, whether a retry
may help, the exit code of the CLI and the HTTP status of the facade.
"""

from __future__ import annotations

from schemas.error import EngineError as EngineError
from schemas.error import described as described
from schemas.error import error_classes as error_classes
from schemas.error import from_info as from_info


class ConfigError(EngineError):
    """The configuration, an option or the environment is wrong; nothing was started."""

    code = "config"
    exit_code = 3


class RequestError(EngineError):
    """A request cannot be read: no JSON, or a place in a stream that is none."""

    code = "request"
    exit_code = 2
    http_status = 400


class RequestFieldError(RequestError):
    """A field of a request is missing, unknown, or has a value that is not possible."""

    code = "request.field"
    http_status = 422


class RequestTooLargeError(RequestError):
    """A request is larger than the server takes."""

    code = "request.too_large"
    http_status = 413


class RequestHeadError(RequestError):
    """A request has more headers, or longer ones, than the server takes."""

    code = "request.head"
    http_status = 431


class RequestMethodError(RequestError):
    """There is something at that address, but not for this method; ``details`` holds those there are."""

    code = "request.method"
    http_status = 405


class RequestMediaError(RequestError):
    """A request's content type, charset or content encoding is none that is read there."""

    code = "request.media"
    http_status = 415


class RequestSlowError(RequestError):
    """A request did not come in time; it may be sent again."""

    code = "request.slow"
    retryable = True
    http_status = 408


class AccessError(RequestError):
    """A request without a token or API key, or with a wrong one."""

    code = "request.access"
    http_status = 401


class ScopeError(RequestError):
    """An API key that is right asks for what it may not: a model, a listener, others' usage."""

    code = "request.scope"
    http_status = 403


class OriginError(RequestError):
    """A browser shows a page of another site, or was led here under another host's name (DNS rebinding)."""

    code = "request.origin"
    http_status = 403


class BusyError(RequestError):
    """As many runs as the server takes are in flight, or it is about to leave; ``details`` holds retry_after_s."""

    code = "request.busy"
    retryable = True
    http_status = 429


class NotFoundError(EngineError):
    """The named run, approval or artifact does not exist."""

    code = "not_found"
    exit_code = 4
    http_status = 404


class ConflictError(EngineError):
    """Somebody else was first: an answered approval, or a log that moved on. State is unchanged."""

    code = "conflict"
    exit_code = 4
    http_status = 409


class FencedError(ConflictError):
    """Another driver took the run over: whoever drove it before starts and writes nothing more. It goes on there."""

    code = "conflict.fenced"


class PlanError(EngineError):
    """The plan cannot run as it is; ``details["problems"]`` lists each with its JSON path."""

    code = "plan"
    exit_code = 5
    http_status = 422


class PlanParseError(PlanError):
    """No plan could be read from the text."""

    code = "plan.parse"


class PlanSchemaError(PlanError):
    """A field is missing, of the wrong type, or names something that is not declared."""

    code = "plan.schema"


class PlanGraphError(PlanError):
    """The steps do not form a DAG: cycle, duplicate id, missing dependency."""

    code = "plan.graph"


class ModelError(EngineError):
    """A model call failed; ``details`` may hold provider, model, status and request_id."""

    code = "model"
    exit_code = 6
    http_status = 502


class ModelTimeoutError(ModelError):
    """No answer before the deadline."""

    code = "model.timeout"
    retryable = True
    http_status = 504


class RateLimitError(ModelError):
    """The provider asks to slow down (429)."""

    code = "model.rate_limit"
    retryable = True
    http_status = 429

    @property
    def retry_after_s(self) -> float | None:
        """Seconds the provider asked to wait, or None when it did not say."""
        return self.details.get("retry_after_s")


class ModelUnavailableError(ModelError):
    """The provider cannot be reached, is overloaded, or broke off (connection, 5xx, 529)."""

    code = "model.unavailable"
    retryable = True
    http_status = 503

    @property
    def retry_after_s(self) -> float | None:
        """Seconds the provider asked to wait, or None when it did not say."""
        return self.details.get("retry_after_s")


class ModelRequestError(ModelError):
    """The provider refused the request itself: an unknown model, a bad argument (4xx)."""

    code = "model.request"
    http_status = 400


class ModelAccessError(ModelRequestError):
    """The provider refuses us (a wrong key, no permission, no credit); nothing that a client sent is wrong."""

    code = "model.request.access"
    http_status = 502


class ContextLengthError(ModelError):
    """The request is longer than the model's context."""

    code = "model.context_length"
    http_status = 400


class ModelRefusalError(ModelError):
    """The model or a content filter refused to answer."""

    code = "model.refusal"
    http_status = 422


class ModelOutputError(ModelError):
    """The answer cannot be read: bad JSON, half an event, a 200 with an error inside."""

    code = "model.output"
    retryable = True


class FilterBlockedError(ModelError):
    """A filter refused the request or the answer; ``details`` holds filter, side, reason, and its own HTTP status."""

    code = "model.blocked"
    http_status = 400

    @property
    def status(self) -> int:
        """The filter's own, of 400 to 499."""
        said = self.details.get("status")
        return said if isinstance(said, int) and 400 <= said < 500 else self.http_status


class FilterFailedError(ModelError):
    """A filter failed or was late, and it is declared that nothing goes on without it; ``details`` as above."""

    code = "model.filter"
    retryable = True


class NoRouteError(ModelError):
    """No configured model answers to that name, or none meets the requirements."""

    code = "model.no_route"
    http_status = 404


class StepError(EngineError):
    """One step failed; the run decides what that means."""

    code = "step"
    exit_code = 7
    http_status = 422


class StepInputError(StepError):
    """A reference, a condition or an argument of the step cannot be resolved."""

    code = "step.input"


class StepOutputError(StepError):
    """The step's result is not JSON, or contradicts its expected_output."""

    code = "step.output"


class StepTimeoutError(StepError):
    """The step did not end before its deadline."""

    code = "step.timeout"
    retryable = True
    http_status = 504


class StepRejectedError(StepError):
    """A person, a policy or a spending limit refused the step before it ran."""

    code = "step.rejected"
    http_status = 403


class ToolError(EngineError):
    """Raised by a tool, or about one."""

    code = "tool"
    exit_code = 7
    http_status = 502


class ToolNotFoundError(ToolError):
    """No enabled tool has that name."""

    code = "tool.not_found"
    http_status = 404


class ToolArgumentsError(ToolError):
    """The arguments do not fit the tool's schema."""

    code = "tool.arguments"
    http_status = 422


class ToolFailedError(ToolError):
    """The tool ran and failed; running it again would fail again."""

    code = "tool.failed"


class ToolUnavailableError(ToolError):
    """The tool could not be reached or asks to come back later; a retry may help."""

    code = "tool.unavailable"
    retryable = True
    http_status = 503

    @property
    def retry_after_s(self) -> float | None:
        """Seconds the tool asked to wait, or None when it did not say."""
        return self.details.get("retry_after_s")


class ToolPostponedError(ToolError):
    """The tool asks to be called later (``ToolContext.postpone``): no failure; the step waits without a slot."""

    code = "tool.postponed"


class ElicitationDeclinedError(ToolError):
    """A tool asked a person (``ToolContext.ask``), and there will be no answer: declined, too late, or nobody there."""

    code = "tool.declined"


class ReplanLimitError(EngineError):
    """A cap on replanning (count, similarity, budget) ended the repair."""

    code = "replan_limit"
    exit_code = 8
    http_status = 422


class BudgetError(EngineError):
    """A budget is used up; ``details`` holds scope, limit and spent."""

    code = "budget"
    exit_code = 9
    http_status = 402


class TokenBudgetError(BudgetError):
    """The token budget is used up."""

    code = "budget.tokens"


class CostBudgetError(BudgetError):
    """The USD budget is used up."""

    code = "budget.cost"


class BudgetPausedError(BudgetError):
    """The budget of a key, an agent, or all calls is used up until it begins anew; carries retry_after_s.

    It is paused until then, or until it is resumed by hand. 402, so that no client's SDK tries again by itself.
    """

    code = "budget.paused"
    retryable = True


class TimeBudgetError(BudgetError):
    """The time limit is reached."""

    code = "budget.time"
    http_status = 504


class RunCancelledError(EngineError):
    """The run was cancelled by a person or by its client going away."""

    code = "cancelled"
    exit_code = 130
    http_status = 409


class RunFailedError(EngineError):
    """The run of an assistant failed, and there is nothing to read but why; ``details`` hold its id and the cause."""

    code = "run_failed"
    exit_code = 1
    http_status = 502

    @property
    def status(self) -> int:
        """That of the cause where it is the server's or a provider's; a run's own mistake is no client's."""
        cause = self.details.get("status")
        return cause if isinstance(cause, int) and cause > 500 else self.http_status


class StoreError(EngineError):
    """The run store cannot be read or written."""

    code = "store"
    exit_code = 10
    http_status = 503


class RunParkedError(EngineError):
    """The run is not over: it waits for an answer or a time, and nobody drives it meanwhile."""

    code = "parked"
    retryable = True
    exit_code = 12
    http_status = 202


class WorkerLostError(EngineError):
    """This worker was silent for longer than its timeout (frozen, or its event loop blocked): others have its runs."""

    code = "worker_lost"
    retryable = True
    exit_code = 13
    http_status = 503
