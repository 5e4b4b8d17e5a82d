"""Bars of ratios to the peer, as SVG."""
import html

LEFT, BAR, WIDTH, HIGHEST = 260, 18, 900, 6.0


def rows_of(ratios, peer):
    for name, figures in ratios.items():
        for figure, values in figures.items():
            if values.get(peer) and "%" not in figure and not figure.startswith("of that"):
                yield "%s: %s" % (name, figure.split(" (")[0]), values[peer]


def write(path, ratios, peer):
    rows = list(rows_of(ratios, peer))
    scale = (WIDTH - LEFT - 60) / HIGHEST
    height = BAR * len(rows) + 40
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">' % (WIDTH, height),
           '<rect width="100%" height="100%" fill="white"/>',
           '<text x="%d" y="14">ratio to the peer; the line is 1</text>' % LEFT]
    for i, (label, value) in enumerate(rows):
        y = 24 + i * BAR
        out.append('<text x="%d" y="%d" text-anchor="end">%s</text>' % (LEFT - 6, y + 12, html.escape(label)))
        out.append('<rect x="%d" y="%d" width="%.0f" height="%d" fill="#4a7"/>' % (LEFT, y, min(value, HIGHEST) * scale, BAR - 4))
        out.append('<text x="%.0f" y="%d">%.2f</text>' % (LEFT + min(value, HIGHEST) * scale + 4, y + 12, value))
    out.append('<line x1="{0:.0f}" x2="{0:.0f}" y1="20" y2="{1}" stroke="black"/>'.format(LEFT + scale, height - 16))
    with open(path, "w") as f:
        f.write("\n".join(out) + "\n</svg>\n")


# ---- growth ----

SIDE, TALL, MARGIN = 620, 180, 60
COLOURS = ("#4a7", "#c64", "#46a", "#a4a")


def panel(title, series, top):
    """One figure over sizes, which stand evenly although they grow by factors; `series`: {label: [(size, value)]}."""
    most = max((value for points in series.values() for _, value in points), default=0) * 1.1 or 1
    sizes = sorted({size for points in series.values() for size, _ in points})
    step = (SIDE - 2 * MARGIN) / max(1, len(sizes) - 1)
    floor = top + TALL - 24
    out = ['<text x="%d" y="%d">%s</text>' % (MARGIN, top + 12, html.escape(title)),
           '<text x="%d" y="%d" text-anchor="end">%.3g</text>' % (MARGIN - 6, top + 26, most),
           '<polyline fill="none" stroke="black" points="{0},{1} {0},{2} {3},{2}"/>'.format(MARGIN, top + 18, floor, SIDE - MARGIN)]
    out += ['<text x="%.0f" y="%d" text-anchor="middle">%d</text>' % (MARGIN + i * step, floor + 16, s) for i, s in enumerate(sizes)]
    for colour, (label, points) in zip(COLOURS, series.items()):
        places = ["%.0f,%.0f" % (MARGIN + sizes.index(s) * step, floor - v / most * (floor - top - 18)) for s, v in points]
        out.append('<polyline fill="none" stroke="%s" stroke-width="2" points="%s"><title>%s</title></polyline>' %
                   (colour, " ".join(places), html.escape(label)))
    return out


def write_lines(path, unit, trees):
    """`trees`: {tree: [(size, {figure: value})]}."""
    names = list(dict.fromkeys(f for points in trees.values() for _, figures in points for f in figures))
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">' %
           (SIDE, TALL * len(names) + 10), '<rect width="100%" height="100%" fill="white"/>']
    for i, name in enumerate(names):
        series = {tree: [(size, figures[name]) for size, figures in points if name in figures] for tree, points in trees.items()}
        out += panel("%s, by %s" % (name, unit), series, i * TALL + 6)
    with open(path, "w") as f:
        f.write("\n".join(out) + "\n</svg>\n")
