"""The course of a run as a picture: what was placed and told, the depth between them, the workers that closed it."""

WIDTH, HEIGHT, LEFT, GAP = 720, 120, 60, 36
PANELS = (
    ("orders placed and told", (("placed", "#9aa5b1"), ("told", "#1f7a4d"))),
    ("messages on the subscription", (("depth", "#b4541a"),)),
    ("workers, and those that are ready", (("replicas", "#9aa5b1"), ("ready", "#2456a6"))),
)


def draw(samples):
    """An SVG with one panel for each subject over the same seconds."""
    seconds = max(sample["seconds"] for sample in samples)
    height = len(PANELS) * (HEIGHT + GAP) + 30
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 20} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{LEFT + WIDTH + 20}" height="{height}" fill="#ffffff"/>',
    ]
    for index, (title, curves) in enumerate(PANELS):
        lines += panel(samples, seconds, title, curves, top=24 + index * (HEIGHT + GAP))
    step = next(step for step in (10, 30, 60, 120, 600) if seconds / step <= 12)
    lines += [
        f'<text x="{x(second, seconds)}" y="{height - 24}" text-anchor="middle" fill="#52606d">{second} s</text>'
        for second in range(0, int(seconds) + 1, step)
    ]
    return "\n".join([*lines, "</svg>", ""])


def x(second, seconds):
    return round(LEFT + second / seconds * WIDTH, 1)


def panel(samples, seconds, title, curves, top):
    most = max([sample[name] or 0 for sample in samples for name, _ in curves] + [1])
    bottom = top + HEIGHT
    yield f'<text x="{LEFT}" y="{top - 8}" fill="#1f2933">{title}</text>'
    yield f'<path d="M{LEFT} {top}V{bottom}H{LEFT + WIDTH}" fill="none" stroke="#cbd2d9"/>'
    for value in (0, most):
        yield f'<text x="{LEFT - 6}" y="{bottom - value / most * HEIGHT + 4:.1f}" text-anchor="end" fill="#52606d">{value}</text>'
    for place, (name, colour) in enumerate(curves):
        points = " ".join(f"{x(s['seconds'], seconds)},{bottom - (s[name] or 0) / most * HEIGHT:.1f}" for s in samples)
        yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        yield f'<text x="{LEFT + WIDTH - 70 * place}" y="{top - 8}" text-anchor="end" fill="{colour}">{name}</text>'
