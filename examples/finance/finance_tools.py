"""Tools for two well-known plans: a credit memo and a portfolio rebalancing. Plain functions over files in data/."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from engine import tool
from schemas.protocols import ToolContext

DATA = Path(__file__).parent / "data"
AMOUNTS = ("revenue", "operating_income", "interest_expense", "net_income", "current_assets", "current_liabilities")
SHEET = ("total_assets", "total_liabilities", "equity")
BAD_NEWS = ("investigation", "recall", "lawsuit", "fraud", "default", "downgrade", "bankruptcy", "layoffs")


class Company(TypedDict):
    """Who a company is."""

    ticker: str
    name: str
    industry: str
    country: str
    fictional: bool


class Filing(TypedDict):
    """One annual report; amounts in millions of USD."""

    fiscal_year: int
    revenue: float
    operating_income: float
    interest_expense: float
    net_income: float
    current_assets: float
    current_liabilities: float
    total_assets: float
    total_liabilities: float
    equity: float


class Filings(TypedDict):
    """Annual reports, oldest first."""

    ticker: str
    filings: list[Filing]


class Peer(TypedDict):
    """A company to compare with."""

    ticker: str
    name: str


class Peers(TypedDict):
    """Companies of the same industry."""

    industry: str
    peers: list[Peer]


class Ratios(TypedDict):
    """Credit ratios of the latest year, and the growth that led there."""

    fiscal_year: int
    ratios: dict[str, float]
    revenue_growth_pct: float | None


class Benchmark(TypedDict):
    """A ratio beside the mean of the peers."""

    ratio: str
    company: float
    peers_mean: float
    better: bool


class Benchmarks(TypedDict):
    """All ratios compared."""

    benchmarks: list[Benchmark]
    better_count: int


class News(TypedDict):
    """Headlines that speak against a company."""

    name: str
    negative: bool
    headlines: list[str]
    headlines_read: int


class Swap(TypedDict):
    """Sell one asset for another; what a simulation found out stands beside it."""

    sell: str
    buy: str
    usd: float
    slippage_pct: NotRequired[float]


class Balances(TypedDict):
    """What is held, and how it should be divided."""

    balances: dict[str, float]
    target_weights: dict[str, float]


class Prices(TypedDict):
    """USD for one unit of each asset."""

    prices: dict[str, float]


class Deltas(TypedDict):
    """USD to add to (or take from) each asset, and the swaps that do it."""

    total_usd: float
    deltas: dict[str, float]
    swaps: list[Swap]


class Swaps(TypedDict):
    """Swaps as simulated."""

    swaps: list[Swap]
    worst_slippage_pct: float


class Receipt(TypedDict):
    """What was written to the ledger."""

    executed: int
    total_usd: float
    ledger: str


# --- credit memo -----------------------------------------------------------------------------------------------------


@tool(effects="none")
def get_company_basics(company: str) -> Company:
    """Look up the basics of a company: ticker, name, industry, country.

    Args:
        company: Name or ticker of the company.
    """
    wanted = company.casefold()
    words = set(wanted.replace(",", " ").split())
    for entry in _companies():
        first_word = entry["name"].split()[0].casefold()
        if entry["ticker"].casefold() in words or first_word in words or entry["name"].casefold() in wanted:
            return entry
    raise ValueError(f"no company called '{company}'; there are {', '.join(c['name'] for c in _companies())}")


@tool(effects="none")
def fetch_filings(ticker: str, years: int = 3) -> Filings:
    """Fetch the annual reports of a company.

    Args:
        ticker: Ticker symbol of the company.
        years: How many years, the latest ones.
    """
    filings = _filings(ticker)
    if not filings:
        raise ValueError(f"no filings of '{ticker}'")
    return {"ticker": ticker, "filings": filings[-years:]}


@tool(effects="none")
def get_industry_peers(ticker: str, industry: str) -> Peers:
    """Find the peers of a company: real companies of the same industry.

    Args:
        ticker: Ticker symbol of the company itself.
        industry: The industry.
    """
    peers: list[Peer] = [
        {"ticker": entry["ticker"], "name": entry["name"]}
        for entry in _companies()
        if entry["industry"] == industry and entry["ticker"] != ticker and not entry["fictional"]
    ]
    return {"industry": industry, "peers": peers}


@tool(effects="none")
def calculate_ratios(filings: list[Filing]) -> Ratios:
    """Calculate credit ratios from annual reports: margin, interest cover, current ratio, leverage, return on equity.

    Args:
        filings: The annual reports, oldest first.
    """
    latest = max(filings, key=lambda filing: filing["fiscal_year"])
    first = min(filings, key=lambda filing: filing["fiscal_year"])
    growth = None if first is latest else round((latest["revenue"] / first["revenue"] - 1) * 100, 2)
    return {"fiscal_year": latest["fiscal_year"], "ratios": _ratios(latest), "revenue_growth_pct": growth}


@tool(effects="none")
def benchmark_against_peers(peers: list[Peer], ratios: dict[str, float]) -> Benchmarks:
    """Compare the ratios of a company with the mean of its peers.

    Args:
        peers: The companies to compare with.
        ratios: The company's own ratios by name.
    """
    if not peers:
        raise ValueError("no peers to compare with")
    theirs = [_ratios(_filings(peer["ticker"])[-1]) for peer in peers]
    benchmarks: list[Benchmark] = []
    for ratio, own in ratios.items():
        mean = round(sum(values[ratio] for values in theirs) / len(theirs), 3)
        better = own < mean if ratio == "liabilities_to_assets" else own > mean
        benchmarks.append({"ratio": ratio, "company": own, "peers_mean": mean, "better": better})
    return {"benchmarks": benchmarks, "better_count": sum(item["better"] for item in benchmarks)}


@tool(effects="none")
def check_news_negative(ticker: str, name: str) -> News:
    """Check the news for negative headlines about a company.

    Args:
        ticker: Ticker symbol of the company.
        name: Name of the company.
    """
    headlines = [item["headline"] for item in _load("news.json") if item["ticker"] == ticker]
    bad = [line for line in headlines if any(word in line.casefold() for word in BAD_NEWS)]
    return {"name": name, "negative": bool(bad), "headlines": bad, "headlines_read": len(headlines)}


# --- rebalancing -----------------------------------------------------------------------------------------------------


@tool(effects="none", reads=["ledger:portfolio"])
def get_balances() -> Balances:
    """Get the balances of the portfolio and its target weights."""
    portfolio, prices = _load("portfolio.json"), _load("prices.json")["prices"]
    balances = dict(portfolio["balances"])
    for swap in (swap for entry in _ledger() for swap in entry["swaps"]):
        balances[swap["sell"]] -= swap["usd"] / prices[swap["sell"]]
        balances[swap["buy"]] += swap["usd"] / prices[swap["buy"]]
    return {
        "balances": {asset: round(amount, 8) for asset, amount in balances.items()},
        "target_weights": portfolio["target_weights"],
    }


@tool(effects="none")
def get_prices() -> Prices:
    """Get the price of every asset in USD."""
    return {"prices": _load("prices.json")["prices"]}


@tool(effects="none")
def calc_deltas(balances: dict[str, float], prices: dict[str, float], target_weights: dict[str, float]) -> Deltas:
    """Calculate what to buy and sell so that the portfolio meets its target weights.

    Args:
        balances: Units held of each asset.
        prices: USD for one unit of each asset.
        target_weights: Wanted weight of each asset in percent.
    """
    if round(sum(target_weights.values()), 6) != 100:
        raise ValueError(f"the target weights add up to {sum(target_weights.values())} percent, not 100")
    values = {asset: amount * prices[asset] for asset, amount in balances.items()}
    total = sum(values.values())
    deltas = {asset: round(total * target_weights.get(asset, 0) / 100 - value, 2) for asset, value in values.items()}
    return {"total_usd": round(total, 2), "deltas": deltas, "swaps": _match(deltas)}


@tool(effects="none")
def simulate_swaps(swaps: list[Swap]) -> Swaps:
    """Simulate swaps without doing them: what each would cost in slippage.

    Args:
        swaps: The swaps to simulate.
    """
    depth = _load("prices.json")["depth_usd"]
    simulated: list[Swap] = [
        {**swap, "slippage_pct": round(100 * swap["usd"] / min(depth[swap["sell"]], depth[swap["buy"]]), 4)}
        for swap in swaps
    ]
    return {"swaps": simulated, "worst_slippage_pct": _worst(simulated)}


@tool(effects="none")
def check_slippage(swaps: list[Swap]) -> Swaps:
    """Check that no simulated swap loses more to slippage than the portfolio's rules allow.

    Args:
        swaps: The swaps as simulated.
    """
    limit = _load("portfolio.json")["most_slippage_pct"]
    for swap in swaps:
        if "slippage_pct" not in swap:
            raise ValueError("the swaps have not been simulated")
        if swap["slippage_pct"] > limit:
            raise ValueError(f"{swap['sell']} to {swap['buy']} would lose {swap['slippage_pct']} %, over {limit} %")
    return {"swaps": swaps, "worst_slippage_pct": _worst(swaps)}


@tool(effects="effectful", writes=["ledger:portfolio"], approval="always", simulate="simulate_swaps")
def execute_swap(swaps: list[Swap], context: ToolContext) -> Receipt:
    """Execute swaps: write them to the ledger. A repeated call of the same step writes once.

    Args:
        swaps: The swaps to execute.
    """
    limit = _load("portfolio.json")["most_usd_per_swap"]
    for swap in swaps:
        if not 0 < swap["usd"] <= limit:
            raise ValueError(f"a swap of {swap['usd']} USD is outside the limit of {limit} USD a swap")
    ledger, key = _ledger(), context.call.idempotency_key
    if not key or all(entry["key"] != key for entry in ledger):
        ledger.append({"key": key, "swaps": swaps})
        _save(ledger)
    return {"executed": len(swaps), "total_usd": round(sum(swap["usd"] for swap in swaps), 2), "ledger": "ledger.json"}


# --- files -----------------------------------------------------------------------------------------------------------


def _load(name: str) -> Any:
    return json.loads((DATA / name).read_text(encoding="utf-8"))


def _ledger() -> list[Any]:
    return _load("ledger.json") if (DATA / "ledger.json").exists() else []


def _save(ledger: list[Any]) -> None:
    draft = DATA / "ledger.json.tmp"
    draft.write_text(json.dumps(ledger, indent=2) + "\n", encoding="utf-8")
    draft.replace(DATA / "ledger.json")  # all or nothing


def _companies() -> list[Company]:
    return _load("companies.json")


def _filings(ticker: str) -> list[Filing]:
    with (DATA / "filings.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["ticker"] == ticker]
    filings: list[Any] = [
        {"fiscal_year": int(row["fiscal_year"]), **{name: float(row[name]) for name in AMOUNTS + SHEET}} for row in rows
    ]
    return sorted(filings, key=lambda filing: filing["fiscal_year"])


def _ratios(filing: Filing) -> dict[str, float]:
    return {
        "operating_margin": round(filing["operating_income"] / filing["revenue"], 3),
        "interest_cover": round(filing["operating_income"] / filing["interest_expense"], 3),
        "current_ratio": round(filing["current_assets"] / filing["current_liabilities"], 3),
        "liabilities_to_assets": round(filing["total_liabilities"] / filing["total_assets"], 3),
        "return_on_equity": round(filing["net_income"] / filing["equity"], 3),
    }


def _match(deltas: dict[str, float]) -> list[Swap]:
    """Pair what is too much with what is too little, largest first."""
    selling = sorted(((asset, -usd) for asset, usd in deltas.items() if usd < 0), key=lambda item: -item[1])
    buying = sorted(((asset, usd) for asset, usd in deltas.items() if usd > 0), key=lambda item: -item[1])
    swaps: list[Swap] = []
    while selling and buying:
        (sell, offered), (buy, wanted) = selling.pop(0), buying.pop(0)
        usd = round(min(offered, wanted), 2)
        if usd >= 0.01:
            swaps.append({"sell": sell, "buy": buy, "usd": usd})
        if offered - usd >= 0.01:
            selling.insert(0, (sell, offered - usd))
        if wanted - usd >= 0.01:
            buying.insert(0, (buy, wanted - usd))
    return swaps


def _worst(swaps: list[Swap]) -> float:
    return max((swap.get("slippage_pct", 0.0) for swap in swaps), default=0.0)
