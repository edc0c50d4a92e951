"""Questions over a table as one SELECT, for a tool whose argument takes SQL.

The columns are not known while planning: a column is called by the task's own words and by nothing else. A question
with a word that has no place in the query gives no query.
"""

# ruff: noqa: E501 - one pattern a line

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.providers.offline.catalogue import Argument, OfferedTool
from gateway.providers.offline.querying import table_asked
from gateway.providers.offline.words import stems, word_set

_SQL = re.compile(r"\b(?:SELECT\b.+?\bFROM\b|DESCRIBE\s).+", re.S)
_COLUMN = r"[^\W\d]\w*(?: (?!by\b|per\b|for\b|in\b|is\b|where\b|and\b|of\b|than\b|with\b|sorted\b|rows?\b|are\b|is\b|exist\b|have\b)[^\W\d]\w*){0,2}"
_ROWS = r"(?:rows?|lines?|records?|entries|entry)"
_AGGREGATES: tuple[tuple[str, str], ...] = (
    ("sum", r"(?:grand )?total(?: of)?|sum(?: of)?|overall"),
    ("avg", r"average(?: of)?|mean(?: of)?|avg(?: of)?"),
    ("median", r"median(?: of)?"),
    ("max", r"max(?:imum)?(?: of)?|highest|largest|biggest|greatest|most expensive"),
    ("min", r"min(?:imum)?(?: of)?|lowest|smallest|least"),
)
_AGGREGATE = "|".join(f"(?P<{name}>{forms})" for name, forms in _AGGREGATES)
_NUMBERS = {
    w: n for n, w in enumerate(["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"], 1)
}
_COUNT_WORD = rf"(?P<n>\d+|{'|'.join(_NUMBERS)})"
_MOST = r"(?:(?P<high>largest|highest|biggest|greatest|top|most|best)|(?P<low>smallest|lowest|fewest|least|worst))"
_BY = rf"(?: (?:by|per|for each|in each|for every|grouped by|group by) (?:each )?(?P<by>{_COLUMN}))?"
_ONE = re.compile(rf"^(?:{_AGGREGATE}) (?P<column>{_COLUMN}){_BY}$", re.IGNORECASE)
_AND = re.compile(r",? and (?:the )?|, (?:the )?", re.IGNORECASE)
_COUNT = re.compile(
    rf"^(?:how many|number of|count(?: of)?(?: all)?(?: the)?) {_ROWS}(?: are there| there are| are| exist)?{_BY}$",
    re.IGNORECASE,
)
_UNIQUE = re.compile(
    rf"^(?P<many>how many|number of|count(?: of)?)? ?(?:distinct|unique|different) (?P<column>{_COLUMN})(?: are there| are)?$",
    re.IGNORECASE,
)
_WHICH = re.compile(
    rf"^(?P<by>{_COLUMN}?) (?:has|have|had|with|sold|got|made) (?:the )?{_MOST} (?P<kind>total |average |mean |sum of )?"
    rf"(?P<column>{_COLUMN})$",
    re.IGNORECASE,
)
_TOP = re.compile(
    rf"^(?:{_MOST} {_COUNT_WORD}|{_COUNT_WORD.replace('<n>', '<n2>')} {_MOST.replace('<high>', '<high2>').replace('<low>', '<low2>')})"
    rf" (?P<what>{_COLUMN}|{_ROWS})(?: (?:by|with the (?:highest|most)) (?P<kind>total |average |mean |sum of )?(?P<column>{_COLUMN}))?$",
    re.IGNORECASE,
)
_LISTS = re.compile(r"^(?:please )?(?:list|show|display|print|name|give me|what are|which)\b", re.IGNORECASE)
_LISTED = re.compile(
    rf"^(?:all (?:the )?)?(?P<column>(?!{_ROWS}\b)(?:[^\W\d]\w* )?[^\W\d]\w*s)(?: are there| are| exist)?$",
    re.IGNORECASE,
)
_FIRST = re.compile(rf"^(?:first|top) {_COUNT_WORD} {_ROWS}$", re.IGNORECASE)
_ALL = re.compile(rf"^(?:all )?{_ROWS}$", re.IGNORECASE)
_SHOWN = re.compile(r"\b(?:columns?|column names|header|headers|schema)\b", re.IGNORECASE)
_LEAD = re.compile(
    r"^(?:\s*(?:what|which|who|show|give|get|list|find|tell|return|compute|calculate|query|display|print|please|me|us|you"
    r"|is|are|was|were|the|all the|can|could|i want|i need|from|of)\b[\s,:'s]*)+",
    re.IGNORECASE,
)
_SORT = re.compile(
    rf"\b(?:sort(?:ed)?|order(?:ed)?) by (?P<column>{_COLUMN}?)(?P<down> (?:desc(?:ending)?|(?:from )?(?:high|large)\w*.*))?(?: asc(?:ending)?)?$",
    re.IGNORECASE,
)
_WHERE = re.compile(
    rf"\b(?:where|whose|with|when|if)\s+(?:the )?(?P<column>{_COLUMN}?)\s+(?P<op>is (?:above|over|greater than|more than)"
    r"|is (?:below|under|less than)|is at least|is at most|is not|is|equals?|=|!=|>=|<=|>|<|above|over|below|under|at least"
    r"|at most|greater than|more than|less than)\s+(?P<value>'[^']*'|\"[^\"]*\"|-?[\d.,]*\d|\w[\w-]*)\s*(?:and)?\s*$",
    re.IGNORECASE,
)
_FOR = re.compile(r"\bfor (?:the )?(?P<value>\w[\w-]*)(?P<op> )(?P<column>[^\W\d]\w*)$", re.IGNORECASE)
_OPERATORS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (">=", re.compile(r"at least|>=")), ("<=", re.compile(r"at most|<=")), ("<>", re.compile(r"not|!=")),
    (">", re.compile(r"above|over|greater|more|>")), ("<", re.compile(r"below|under|less|<")), ("=", re.compile("")),
)  # fmt: skip
_UNKNOWN = re.compile(r'column "(?P<name>[^"]+)" not found', re.IGNORECASE)
_NO_COLUMN = word_set("details files differences problems errors insights trends statistics stats results")
_VAGUE = word_set("it them this that these those all data values value rows row table file each every the")


def query_argument(tool: OfferedTool) -> Argument | None:
    """Return the argument that takes SQL, if there is one."""
    return next(
        (a for a in tool.required if a.textual and re.search(r"\bSQL\b", f"{a.name} {a.description}", re.I)), None
    )


def write_query(text: str) -> str | None:
    """Return the SELECT a question over a table asks for; None when it does not have the shape of one.

    >>> write_query("total units by region in sales.csv")
    'SELECT "region", sum("units") AS "total units" FROM "sales.csv" GROUP BY "region" ORDER BY 2 DESC'
    """
    spoken = _SQL.search(text)
    if spoken is not None and not re.search(r"['\"]\s*$", text[: spoken.start()]):
        return spoken[0].strip().rstrip("?.;")
    asked = table_asked(text)
    if asked is None:
        return None
    table, question = asked
    question, order = _cut(_SORT, question)
    question, where = _cut(_WHERE, question)
    if where is None:
        question, where = _cut(_FOR, question)
    rest = re.sub(r" (?:have|has|tiene|hat|contain)$", "", _LEAD.sub("", question).strip(" ,:?.!¿"))
    made = _formed(rest, lists=bool(_LISTS.match(question)), narrowed=bool(where or order))
    return made.written(table, _condition(where), _order(order)) if made is not None else None


def describes(text: str, tool: OfferedTool) -> str | None:
    """Return the statement that lists a table's columns, where the tool takes it and the text asks for them."""
    asked = table_asked(text)
    said = f"{tool.description} {' '.join(a.description for a in tool.arguments)}"
    if asked is None or "DESCRIBE" not in said or not _SHOWN.search(asked[1]):
        return None
    rest = _SHOWN.sub("", _LEAD.sub("", asked[1])).strip(" ,:?.!").lower()
    return f"DESCRIBE {_quoted(asked[0])}" if rest in ("", "have", "are there", "names", "are", "of") else None


def amended(query: str, error: str, tool: OfferedTool) -> str | None:
    """Return a query whose unknown column is looked up by its name's letters, once; None where that can't help."""
    unknown = _UNKNOWN.search(error)
    duck = any("DuckDB" in argument.description for argument in tool.arguments)
    if unknown is None or not duck or "COLUMNS(" in query:
        return None
    wanted = re.compile(
        rf'(?P<call>(?:sum|avg|median|max|min)\(|count\(DISTINCT |SELECT DISTINCT )"{re.escape(unknown["name"])}"(?P<end>\)?)',
        re.IGNORECASE,
    )
    pattern = "[ _]?".join(re.escape(part) for part in re.split(r"[\s_]+", unknown["name"]))
    pattern += "?" if pattern.endswith("s") else ""
    changed = wanted.sub(lambda match: f"{match['call']}COLUMNS('(?i){pattern}'){match['end']}", query)
    return re.sub(r'\)\) AS "[^"]*"', "))", changed) if changed != query else None


_ONE_CELL = re.compile(r'^SELECT \w+\([^,]*\) AS "(?P<name>[^"]+)" FROM (?!.* GROUP BY )')


def one_cell(query: str, returns: Sequence[Argument]) -> tuple[Argument, ...]:
    """Return what a query of one value gives, where the result is known to hold rows: the value in the first row."""
    match = _ONE_CELL.match(query)
    rows = next((part for part in returns if part.items is not None and part.items.kind == "object"), None)
    if match is None or rows is None:
        return tuple(returns)
    return (Argument(f'{rows.name}[0]."{match["name"]}"', "number", name_stems=tuple(stems(match["name"]))),)


def _cut(pattern: re.Pattern[str], text: str) -> tuple[str, re.Match[str] | None]:
    match = pattern.search(text)
    return (text[: match.start()].strip(" ,"), match) if match else (text, None)


@dataclass(slots=True)
class _Query:
    columns: str
    group: str = ""
    order: str = ""
    limit: int | None = None

    def written(self, table: str, where: str, order: str) -> str:
        """Return the statement."""
        parts = [f"SELECT {self.columns} FROM {_quoted(table)}", where, self.group, order or self.order]
        return " ".join([*filter(None, parts), *([f"LIMIT {self.limit}"] if self.limit else [])])


def _formed(text: str, *, lists: bool, narrowed: bool) -> _Query | None:
    """Return the query that a question has the form of.

    Args:
        text: The question without its leading words and conditions.
        lists: Whether it began as one does that wants to see values.
        narrowed: Whether there were conditions, or an order.
    """
    made = next((query for form in _FORMS if (query := form(text)) is not None), None)
    if made is None and lists:
        made = _listed(text)
    if made is None and narrowed and text.lower() in ("", "data", "everything", "all"):
        made = _Query("*")
    return made


def _one(text: str) -> _Query | None:
    """Return "the total X and the average Y by Z"."""
    matches = [match for part in _AND.split(text) if (match := _ONE.match(part)) is not None]
    if len(matches) != len(_AND.split(text)) or any(_vague(match["column"]) for match in matches):
        return None
    if any(match["by"] for match in matches[:-1]):
        return None
    return _grouped(", ".join(_measured(match) for match in matches), matches[-1]["by"])


def _measured(match: re.Match[str]) -> str:
    kind = next(name for name, _ in _AGGREGATES if match[name])
    label = re.sub(r"\s+of$", "", match[kind].lower())
    return f"{kind}({_quoted(match['column'])}) AS {_quoted(label + ' ' + match['column'])}"


def _grouped(measure: str, by: str | None) -> _Query:
    if not by:
        return _Query(measure)
    return _Query(f"{_quoted(by)}, {measure}", f"GROUP BY {_quoted(by)}", "ORDER BY 2 DESC")


def _count(text: str) -> _Query | None:
    match = _COUNT.match(text)
    return _grouped('count(*) AS "rows"', match["by"]) if match else None


def _unique(text: str) -> _Query | None:
    match = _UNIQUE.match(text)
    if match is None:
        return None
    column = _quoted(re.sub(r" values?$", "", match["column"]))
    return _Query(
        f"count(DISTINCT {column}) AS {_quoted('different ' + match['column'])}"
        if match["many"]
        else f"DISTINCT {column}"
    )


def _listed(text: str) -> _Query | None:
    """Return "the products", each value of a column once, or "the contents"."""
    if text.lower() == "contents":
        return _Query("*")
    match = _LISTED.match(text)
    if match is None or _vague(match["column"]) or match["column"].lower() in _NO_COLUMN:
        return None
    return _Query(f"DISTINCT {_quoted(match['column'])}", order="ORDER BY 1")


def _which(text: str) -> _Query | None:
    match = _WHICH.match(text)
    if match is None or _vague(match["column"]):
        return None
    down = " DESC" if match["high"] else ""
    if match["column"].lower() in ("rows", "lines", "entries", "records"):
        measure = 'count(*) AS "rows"'
    else:
        measure = _measure(
            match["kind"] or ("total " if (match["high"] or match["low"]) in ("most", "fewest") else ""),
            match["column"],
        )
    if measure is None:
        return _Query("*", "", f"ORDER BY {_quoted(match['column'])}{down}", 1)
    return _Query(f"{_quoted(match['by'])}, {measure}", f"GROUP BY {_quoted(match['by'])}", f"ORDER BY 2{down}", 1)


def _measure(kind: str | None, column: str) -> str | None:
    said = (kind or "").strip().lower()
    if not said:
        return None
    name = "avg" if said in ("average", "mean") else "sum"
    label = f"{said.removesuffix(' of')} {column}"
    return f"{name}({_quoted(column)}) AS {_quoted(label)}"


def _top(text: str) -> _Query | None:
    match = _TOP.match(text)
    if match is None:
        return None
    low = match["low"] or match["low2"]
    count = _counted(match["n"] or match["n2"])
    down = "" if low else " DESC"
    what, column = match["what"], match["column"]
    measure = _measure(match["kind"], column) if column else None
    if measure is not None:
        return _Query(f"{_quoted(what)}, {measure}", f"GROUP BY {_quoted(what)}", f"ORDER BY 2{down}", count)
    rows = re.fullmatch(_ROWS, what, re.IGNORECASE)
    if rows and not column:
        return _Query("*", limit=count)
    return _Query("*", "", f"ORDER BY {_quoted(column or what)}{down}", count)


def _first(text: str) -> _Query | None:
    match = _FIRST.match(text)
    if match is not None:
        return _Query("*", limit=_counted(match["n"]))
    return _Query("*") if _ALL.match(text) else None


_FORMS = (_count, _first, _unique, _top, _one, _which)


def _condition(match: re.Match[str] | None) -> str:
    if match is None:
        return ""
    sign = next(sign for sign, pattern in _OPERATORS if pattern.search(match["op"].lower()))
    value = match["value"].strip("'\"")
    column = _quoted(match["column"])
    if re.fullmatch(r"-?[\d.,]*\d", value):
        return f"WHERE {column} {sign} {value.replace(',', '')}"
    text = value.lower().replace("'", "''")
    return f"WHERE lower(CAST({column} AS VARCHAR)) {sign} '{text}'"


def _order(match: re.Match[str] | None) -> str:
    return f"ORDER BY {_quoted(match['column'].strip())}{' DESC' if match['down'] else ''}" if match else ""


def _counted(text: str) -> int:
    return int(text) if text.isdigit() else _NUMBERS[text.lower()]


def _vague(column: str) -> bool:
    return all(word in _VAGUE for word in column.lower().split())


def _quoted(name: str) -> str:
    return '"' + name.strip().replace('"', '""') + '"'
