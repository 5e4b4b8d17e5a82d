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
