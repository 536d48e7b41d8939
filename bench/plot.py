"""One SVG of a run's figures: the field by wall time for each row and by memory, the curve of batch sizes, and the growth."""
import math, statistics
from xml.sax.saxutils import escape

OURS, OTHERS, GRID = "#0b6e99", "#9aa5ad", "#d9dee2"
COLOURS = ("#0b6e99", "#d1495b", "#6a994e", "#8e6c8a")


def middle(figures, value):
    return statistics.median(value(r) for r in figures)


def text(x, y, said, anchor="start", size=12):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{escape(said)}</text>'


def bars(x, y, width, title, values, form):
    """Bars on a logarithmic scale, one a contender. The parts, and the height."""
    out, low, high = [text(x, y, title, size=14)], min(v for _, v in values) / 1.5, max(v for _, v in values) * 1.6
    for i, (name, v) in enumerate(values):
        top, long = y + 14 + 18 * i, (width - 500) * math.log(v / low) / math.log(high / low)
        out += [text(x + 405, top + 11, name, "end", 11), f'<rect x="{x + 412}" y="{top}" width="{long:.1f}" height="13" fill="{OURS if "weir" in name else OTHERS}"/>',
                text(x + 416 + long, top + 11, form(v), size=11)]
    return out, 14 + 18 * len(values) + 30


def curves(x, y, width, height, title, lines, form):
    """Lines over two logarithmic axes: {name: [(x, y)]}."""
    points = [p for line in lines.values() for p in line]
    x0, x1 = min(p[0] for p in points), max(p[0] for p in points)
    y0, y1 = min(p[1] for p in points) / 1.2, max(p[1] for p in points) * 1.2
    at = lambda p: (x + 60 + (width - 80) * math.log(p[0] / x0) / math.log(x1 / x0), y + 20 + (height - 60) * (1 - math.log(p[1] / y0) / math.log(y1 / y0)))
    out = [text(x, y, title, size=14)]
    for decade in range(math.ceil(math.log10(x0)), math.floor(math.log10(x1)) + 1):
        px, _ = at((10 ** decade, y0))
        out += [f'<line x1="{px:.1f}" x2="{px:.1f}" y1="{y + 20}" y2="{y + height - 40}" stroke="{GRID}"/>', text(px, y + height - 24, format(10 ** decade, ","), "middle", 10)]
    for part in range(5):
        v = y0 * (y1 / y0) ** (part / 4)
        _, py = at((x0, v))
        out += [f'<line x1="{x + 60}" x2="{x + width - 20}" y1="{py:.1f}" y2="{py:.1f}" stroke="{GRID}"/>', text(x + 55, py + 4, form(v), "end", 10)]
    for i, (name, line) in enumerate(lines.items()):
        out.append(f'<polyline fill="none" stroke="{COLOURS[i % 4]}" stroke-width="2" points="{" ".join("%.1f,%.1f" % at(p) for p in line)}"/>')
        out += [f'<rect x="{x + 60 + i * (width - 60) / len(lines):.0f}" y="{y + height - 14}" width="10" height="10" fill="{COLOURS[i % 4]}"/>',
                text(x + 74 + i * (width - 60) / len(lines), y + height - 5, name, size=10)]
    return out


def field_of(runs, value):
    return sorted(((name.replace("PostgreSQL: ", "").replace("PostgreSQL over TCP: ", "TCP: "), middle(f, value)) for name, f in runs.items()), key=lambda pair: pair[1])


def draw(told, path):
    out, y, wide = [], 24, 1000
    for workload in ("narrow", "wide", "documents", "amounts", "orders"):
        if workload not in told or not told[workload]["runs"]:
            continue
        runs = told[workload]["runs"]
        for title, value, form in ((f"{workload}: wall time for each row", lambda r: r["wall"] / r["rows"] * 1e9, lambda v: f"{v:,.0f} ns"),
                                   (f"{workload}: peak memory", lambda r: r["rss_kb"] / 1024, lambda v: f"{v:,.1f} MB")):
            if title.endswith("memory") and workload != "narrow":
                continue
            part, height = bars(16, y, wide, title, field_of(runs, value), form)
            out, y = out + part, y + height
    if told.get("sweep", {}).get("runs"):
        for i, (title, value, form) in enumerate((("batches of 1 to 100,000 rows: ns a row", lambda r: r["wall"] / r["rows"] * 1e9, lambda v: f"{v:,.0f}"),
                                                  ("the same: peak memory, MB", lambda r: r["rss_kb"] / 1024, lambda v: f"{v:.1f}"))):
            lines = {}
            for name, f in told["sweep"]["runs"].items():
                kind, size = name.replace("PostgreSQL: ", "").rsplit(" ", 1)
                lines.setdefault(kind, []).append((int(size), middle(f, value)))
            out += curves(16 + i * wide / 2, y, wide / 2 - 20, 260, title, lines, form)
        y += 300
    if "growth" in told and len(told["growth"]["sizes"]) > 1:
        for i, (title, value, form) in enumerate((("growth: wall seconds", lambda r: r["wall"], lambda v: f"{v:.3g}"),
                                                  ("growth: peak memory above connecting, KiB", lambda r: max(1, r["rss_kb"] - r["rss_connected_kb"]), lambda v: f"{v:,.0f}"))):
            lines = {}
            for size, runs in told["growth"]["sizes"].items():
                for name, f in runs.items():
                    lines.setdefault(name.replace(", yield_per 5000", "").replace("weir ", "").replace("PostgreSQL", "PG"), []).append((int(size), middle(f, value)))
            out += curves(16 + i * wide / 2, y, wide / 2 - 20, 260, title, lines, form)
        y += 300
    with open(path, "w") as f:
        f.write(f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{y}" font-family="sans-serif" fill="#222"><rect width="100%" height="100%" fill="#fff"/>\n')
        f.write("\n".join(out) + "\n</svg>\n")
