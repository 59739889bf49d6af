"""The figures as a Markdown table: a pure function of the report."""

from bench.model import Figure, Report, Series

HEADER = "| figure | ours | beside it | ratio | goal | reached |\n|---|---|---|---|---|---|\n"


def table(report: Report) -> str:
    """Return the report in Markdown: where and when, a row a figure, the tools, what was not measured and why."""
    machine = report.machine
    where = f"{machine.processor}, {machine.cores} cores, {machine.memory_bytes / 1e9:.0f} GB, {machine.system}, "
    where += f"kernel {machine.kernel}, {machine.engine}"
    lines = [
        f"Taken on {report.started[:10]} in {report.seconds / 60:.0f} min, revision {report.revision[:12]}: {where}."
    ]
    lines += ["One round of one image: it shows that the measurements run, and nothing else."] * report.quick
    lines += ["The figures are medians. Brackets contain the CPU seconds of the whole machine.", ""]
    rows = "".join(f"| {' | '.join(_row(figure))} |\n" for figure in report.figures)
    tools = ", ".join(f"{name} {version}" for name, version in report.tools.items())
    missing = "".join(f"\nNot measured: {name}: {why}\n" for name, why in report.not_measured.items())
    return "\n".join(lines) + f"\n{HEADER}{rows}\nVersions: {tools}.\n{missing}"


def _row(figure: Figure) -> list[str]:
    other = f"{_shown(figure.other, figure.unit)}, {figure.other.what}" if figure.other else ""
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
    goal = "" if figure.at_most is None else f"≤ {figure.at_most:g}{' times' if figure.other else f' {figure.unit}'}"
    reached = {None: "", True: "yes", False: "**no**"}[figure.reached]
    name = f"{figure.name} ({figure.note})" if figure.note else figure.name
    return [name.replace("|", "/"), _shown(figure.ours, figure.unit), other, ratio, goal, reached]


def _shown(series: Series, unit: str) -> str:
    cpu = sorted(series.cpu_seconds)
    busy = f" ({cpu[len(cpu) // 2]:.0f})" if cpu else ""
    whole = unit in ("ms", "workers", "operations")
    digits = 0 if whole else 3 if series.median < 0.1 else 1 if series.median >= 10 else 2  # noqa: PLR2004 - shown
    return f"{series.median:,.{digits}f} {unit}{busy}"
