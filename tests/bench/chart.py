"""A chart of a bench as SVG: one bar per program, readable on light and on dark ground."""

from xml.sax.saxutils import escape

WIDTH, LABEL, BAR, GAP, TOP = 860, 190, 20, 10, 76
NUMBER = 120  # room behind the longest bar
STYLE = """
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #24292f }
  .title { font-size: 17px; font-weight: 600 }
  .faint { fill: #57606a }
  .mine { fill: #0969da } .floor { fill: #8c959f } .peer { fill: #d4a72c }
  .line { stroke: #8c959f; stroke-dasharray: 3 4 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .faint { fill: #9198a1 }
    .mine { fill: #4493f8 } .floor { fill: #656c76 } .peer { fill: #bb8009 }
  }"""


def kind_of(name):
    if name.startswith("find"):
        return "mine"
    return "floor" if name.startswith("igzip") else "peer"


def text(x, y, content, style="", anchor="start"):
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{style}" text-anchor="{anchor}">' \
           f"{escape(content)}</text>"


def bar(y, name, row, seconds_wide, floor_s):
    width = max(1.0, row["wall_s"] / seconds_wide)
    label = f"{row['wall_s']:.1f} s"
    if "peak_bytes" in row:
        label += f", {row['peak_bytes'] / 1e9:.2f} GB"
    shown = f"keepone {name}" if kind_of(name) == "mine" else name
    return [text(LABEL - 10, y + 15, shown, anchor="end"),
            f'<rect x="{LABEL}" y="{y}" width="{width:.1f}" height="{BAR}" rx="3" '
            f'class="{kind_of(name)}"><title>{escape(name)}: {row["wall_s"]:.2f} s, '
            f'{row["wall_s"] / floor_s:.1f} times as long as inflating</title></rect>',
            text(LABEL + width + 8, y + 15, label, "faint")]


def draw(rows, floor, title, note):
    """rows: {name: row} that did the same work; floor: the name of the row nothing can beat."""
    rows = dict(sorted(rows.items(), key=lambda pair: pair[1]["wall_s"]))
    floor_s = rows[floor]["wall_s"]
    seconds_wide = max(row["wall_s"] for row in rows.values()) / (WIDTH - LABEL - NUMBER)
    height = TOP + len(rows) * (BAR + GAP) + 20
    floor_x = LABEL + floor_s / seconds_wide
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
             f'role="img" aria-label="{escape(title)}"><style>{STYLE}\n</style>',
             text(16, 30, title, "title"), text(16, 52, note, "faint"),
             f'<line class="line" x1="{floor_x:.1f}" x2="{floor_x:.1f}" y1="{TOP - 8}" '
             f'y2="{height - 16}"/>']
    for i, (name, row) in enumerate(rows.items()):
        parts += bar(TOP + i * (BAR + GAP), name, row, seconds_wide, floor_s)
    return "\n".join([*parts, "</svg>"]) + "\n"
