"""Plots of measured figures as SVG. Standard library only.

    python tests/load/plot.py load curve.tsv curve.svg     word errors against p95 of lateness (curve.py)
    python tests/load/plot.py depth depth.tsv depth.svg    word errors against cost, one seed (rows below)
    python tests/load/plot.py fleet fleet.tsv fleet.svg    streams refused against servers, by balancing (fleet.py)

depth.tsv has columns depth, ms_per_audio_second and wer_percent, one row a depth.
"""

import csv
import math
import sys

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 400, 60, 120, 30, 50
COLOURS = ["#1b6ca8", "#c0392b", "#218c54", "#8e44ad", "#b9770e"]


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def ticks(low, high, log):
    if log:
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        return [m * 10 ** p for p in powers for m in (1, 2, 5) if low <= m * 10 ** p <= high]
    step = 10 ** math.floor(math.log10(high - low))
    step = next(s for s in (step / 5, step / 2, step, 2 * step) if (high - low) / s <= 8)
    return [step * i for i in range(math.ceil(low / step), math.floor(high / step) + 1)]


def span(values, log):
    low, high = min(values), max(values)
    if log:
        return low / 1.3, high * 1.3
    room = 0.15 * (high - low) or 1
    return max(0, low - room), high + room


def plot(curves, x_title, y_title, title, log):
    """curves: {name: [(x, y, label)]} -> SVG text."""
    points = [p for curve in curves.values() for p in curve]
    x0, x1 = span([p[0] for p in points], log)
    y0, y1 = span([p[1] for p in points], False)
    scale = math.log if log else float
    at_x = lambda x: LEFT + (scale(x) - scale(x0)) / (scale(x1) - scale(x0)) * (WIDTH - LEFT - RIGHT)
    at_y = lambda y: HEIGHT - BOTTOM - (y - y0) / (y1 - y0) * (HEIGHT - TOP - BOTTOM)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
           f'font-size="12"><rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
           f'<text x="{LEFT}" y="18" font-size="14">{title}</text>']
    for x in ticks(x0, x1, log):
        out.append(f'<line x1="{at_x(x):.1f}" x2="{at_x(x):.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="#ddd"/>'
                   f'<text x="{at_x(x):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{x:g}</text>')
    for y in ticks(y0, y1, False):
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at_y(y):.1f}" y2="{at_y(y):.1f}" stroke="#ddd"/>'
                   f'<text x="{LEFT - 6}" y="{at_y(y) + 4:.1f}" text-anchor="end">{y:g}</text>')
    out.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 12}" text-anchor="middle">{x_title}</text>'
               f'<text transform="translate(16 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" '
               f'text-anchor="middle">{y_title}</text>')
    for i, (name, curve) in enumerate(curves.items()):
        colour = COLOURS[i % len(COLOURS)]
        path = " ".join(f"{at_x(x):.1f},{at_y(y):.1f}" for x, y, _ in curve)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for x, y, label in curve:
            out.append(f'<circle cx="{at_x(x):.1f}" cy="{at_y(y):.1f}" r="4" fill="{colour}"/>'
                       f'<text x="{at_x(x) + 6:.1f}" y="{at_y(y) - 6:.1f}" fill="{colour}">{label}</text>')
        out.append(f'<text x="{WIDTH - RIGHT + 12}" y="{TOP + 20 * i + 12}" fill="{colour}">{name}</text>')
    return "\n".join(out + ["</svg>\n"])


def load_plot(table):
    curves = {}
    for row in table:
        label = f'{float(row["load"]):g}x' + (f', {row["refused"]} refused' if row["refused"] != "0" else "")
        curves.setdefault(row["depth"], []).append(
            (float(row["final_p95_ms"]), float(row["wer_percent"]), label))
    return plot(curves, "p95 of finals after their last sound, ms", "word error rate, %",
                "Live streams at 1 to 4 times what full depth sustains", True)


def depth_plot(table):
    curve = [(float(row["ms_per_audio_second"]), float(row["wer_percent"]), f'x{row["depth"]}') for row in table]
    return plot({"one seed": curve}, "computing, ms per second of audio on one core", "word error rate, %",
                "One model file, moved along the curve by depth", False)


def fleet_plot(table):
    curves = {}
    for row in table:
        curves.setdefault(row["how"], []).append((float(row["servers"]), float(row["refused_percent"]), ""))
    return plot(curves, "servers", "streams refused, %", "Live streams that a fleet turns away (simulated)", True)


def main():
    kinds = {"load": load_plot, "depth": depth_plot, "fleet": fleet_plot}
    if len(sys.argv) != 4 or sys.argv[1] not in kinds:
        sys.exit(__doc__)
    with open(sys.argv[3], "w") as out:
        out.write(kinds[sys.argv[1]](rows(sys.argv[2])))


if __name__ == "__main__":
    main()
