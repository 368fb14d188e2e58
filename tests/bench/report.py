"""What a bench prints: tables as text, or as Markdown for the README."""


def table(head, rows, markdown):
    """The first column to the left, the others to the right."""
    rows = [head, *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = [[cell.ljust(width) if i == 0 else cell.rjust(width)
              for i, (cell, width) in enumerate(zip(row, widths))] for row in rows]
    if not markdown:
        return "\n".join("  ".join(line).rstrip() for line in lines) + "\n"
    lines.insert(1, ["-" * widths[0]] + ["-" * (width - 1) + ":" for width in widths[1:]])
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def files(rows, markdown):
    """A row for each program."""
    cells = []
    for name, row in rows.items():
        times = f"{row['inflating']:.2f}" if "inflating" in row else ""
        losers = f"{row['losers']:,}" if "losers" in row else ""
        peak = f"{row['peak_bytes'] / 1e6:,.0f}" if "peak_bytes" in row else ""
        cells.append((name, f"{row['wall_s']:.2f}", f"{row['cpu_s']:.2f}", peak, times, losers,
                      len(row["runs"])))
    return table(("program", "wall s", "CPU s", "peak MB", "/ inflating", "losers", "runs"),
                 cells, markdown)


def targets(verdicts, markdown):
    marks = {"aim": "aim met", "must": "met", "no": "NOT met"}
    cells = [(v["what"], f"{v['is']:.2f}", f"{v['good']} {v['must']:g}",
              f"{v['good']} {v['aim']:g}", marks[v["met"]]) for v in verdicts]
    return table(("target", "is", "must", "aim", ""), cells, markdown)


def server(result, markdown):
    cells = []
    for where in ("DynamoDB Local", "stub"):
        for row in result.get(where, []):
            cells.append((f"{where}: {row['what']}", f"{row['items_per_s']:,.0f}",
                          f"{row['cpu_us_per_item']:.1f}", f"{row['in_flight']:.1f}"))
    return table(("server", "items/s", "our CPU us/item", "in flight"), cells, markdown)


def caps(rows, markdown):
    cells = [(f"{row['cap']:,} write units/s", f"{row['used_percent']:.1f}",
              f"{row['above_percent']:.2f}") for row in rows]
    return table(("cap", "used %", "above in any 10 s %"), cells, markdown)
