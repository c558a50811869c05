"""What a leakage check found, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from movierec_cli.leakage import Checked, Finding, Severity

_STYLES = {Severity.LEAK: "bold red", Severity.CAUTION: "bold yellow"}
_CLEAN, _CLEAN_STYLE = "ok", "bold green"


def findings_list(findings: Sequence[Finding]) -> Table:
    """One entry a finding: severity, name, sentence and remedy, folded to the terminal's width."""
    table = _grid()
    for finding in findings:
        table.add_row(Text(finding.severity, style=_STYLES[finding.severity]), _body(finding))
    return table


def checks_report(checked: Sequence[Checked], findings: Sequence[Finding]) -> Group:
    """The findings in the order given, then a line for each check that found nothing."""
    clean = _grid()
    for check in checked:
        if not check.findings:
            clean.add_row(Text(_CLEAN, style=_CLEAN_STYLE), Text(check.clean))
    parts: list[RenderableType] = [findings_list(findings), Text()] if findings else []
    return Group(*parts, *([clean] if clean.row_count else []))


def _body(finding: Finding) -> Text:
    text = Text.assemble((finding.name, "bold"), f"\n{finding.sentence}")
    return text.append(f"\nRemedy: {finding.remedy}", style="cyan") if finding.remedy else text


def _grid() -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, min_width=max(map(len, Severity)))
    table.add_column(overflow="fold")
    return table
