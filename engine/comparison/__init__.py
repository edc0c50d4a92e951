"""Compares ways of doing one task (a plan, ReAct, a direct answer) on the user's own tools and models.

    systems → tools (no effects, shared results) → compare (rounds) → figures · judge → report

from engine.comparison import compare
found = await compare(engine, "what is 17 * 23?", ["plan", "react"])
"""

from engine.comparison.compare import Options, compare
from engine.comparison.figures import Comparison, Measured, SystemReport
from engine.comparison.report import markdown
from engine.comparison.systems import SYSTEMS, System, systems_named

__all__ = [
    "SYSTEMS",
    "Comparison",
    "Measured",
    "Options",
    "System",
    "SystemReport",
    "compare",
    "markdown",
    "systems_named",
]
