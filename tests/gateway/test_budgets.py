"""Which budgets a call counts to, and what is said when they are used up."""

from __future__ import annotations

import anyio
import pytest

from gateway.budget import MemoryLedger
from gateway.budgets import Budgets, accounts_of
from gateway.gateway import CallContext, Gateway
from gateway.tranches import TrancheLedger
from gateway.warnings import Notice
from schemas.bookkeeping import ApiKey
from schemas.errors import BudgetError, BudgetPausedError, CostBudgetError
from schemas.gateway import BudgetRule
from schemas.model import ModelRequest, user_message
from tests.durable.ledger_contract import Settable, spent
from tests.gateway.fakes import Script, gateway_with

pytestmark = pytest.mark.anyio
