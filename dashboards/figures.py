"""Small drawings as SVG text. Pure.

Colours stand in the middle of the scale, so that one drawing reads on light and on dark ground.
"""

import base64
from collections.abc import Collection, Sequence

LINE = "#3d8bd4"
TARGET = "#8a97a6"
_WIDTH, _HEIGHT, _MARGIN = 240.0, 48.0, 4.0


def sparkline(
    values: Sequence[float | None],
    *,
    target: float | None = None,
    shaded: Collection[int] = (),
) -> str:
    """A trend scaled to its own range, so that small changes show; gaps stay gaps.

    A target within reach of the values is a dashed line. Stretches whose index is in `shaded` are
    shaded and have no part in the line and its scale. Empty where there is nothing to draw.
    """
    values = [None if index in shaded else value for index, value in enumerate(values)]
    present = [value for value in values if value is not None]
    parts = [_shade(run, len(values)) for run in _shaded_runs(shaded, len(values))]
    if not present:
        return _drawing(parts)
    low, high = _bounds(present)
    if target is not None and _near(target, low, high):
        low, high = min(low, target), max(high, target)
    if target is not None and low <= target <= high:
        at = _y(target, low, high)
        parts.append(
            f'<line x1="0" x2="{_WIDTH:g}" y1="{at:.1f}" y2="{at:.1f}" stroke="{TARGET}" '
            'stroke-width="1" stroke-dasharray="3 3" vector-effect="non-scaling-stroke"/>'
        )
    for run in _runs(values):
        points = [(_x(i, len(values)), _y(v, low, high)) for i, v in run]
        parts.append(_area(points) + _stroke(points))
    return _drawing(parts)


def _drawing(parts: Sequence[str]) -> str:
    if not parts:
        return ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" '
        f'preserveAspectRatio="none">{"".join(parts)}</svg>'
    )


def data_uri(svg: str) -> str:
    """An SVG as the source of an image."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode("ascii")


def _bounds(values: Sequence[float]) -> tuple[float, float]:
    """The range that is drawn: what is far outside stops at its edge, so that the rest shows."""
    ordered = sorted(values)
    quarter, rest = ordered[len(ordered) // 4], ordered[-1 - len(ordered) // 4]
    reach = 4 * ((rest - quarter) or abs(rest) * 0.1)
    low = max(ordered[0], quarter - reach) if len(ordered) >= 8 else ordered[0]
    high = min(ordered[-1], rest + reach) if len(ordered) >= 8 else ordered[-1]
    return low, high


def _near(target: float, low: float, high: float) -> bool:
    """Whether a target would not flatten the values when it is drawn with them."""
    spread = (high - low) or abs(high) * 0.25 or 1.0
    return low - 2 * spread <= target <= high + 2 * spread


def _runs(values: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    runs: list[list[tuple[int, float]]] = [[]]
    for index, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((index, value))
    return [run for run in runs if run]


def _shaded_runs(shaded: Collection[int], count: int) -> list[list[int]]:
    marks = [1.0 if index in shaded else None for index in range(count)]
    return [[index for index, _ in run] for run in _runs(marks)]


def _shade(run: Sequence[int], count: int) -> str:
    """A ground as wide as its stretches, half a step beyond the first and the last."""
    half = (_x(1, count) - _x(0, count)) / 2 if count > 1 else _WIDTH / 2
    left, right = max(0.0, _x(run[0], count) - half), min(_WIDTH, _x(run[-1], count) + half)
    return (
        f'<rect x="{left:.1f}" width="{right - left:.1f}" y="0" height="{_HEIGHT:g}" '
        f'fill="{TARGET}" fill-opacity="0.16"/>'
    )


def _x(index: int, count: int) -> float:
    return _WIDTH / 2 if count == 1 else index * (_WIDTH - 2 * _MARGIN) / (count - 1) + _MARGIN


def _y(value: float, low: float, high: float) -> float:
    if high == low:
        return _HEIGHT / 2
    value = min(max(value, low), high)
    return _HEIGHT - _MARGIN - (value - low) / (high - low) * (_HEIGHT - 2 * _MARGIN)


def _stroke(points: Sequence[tuple[float, float]]) -> str:
    if len(points) == 1:
        x, y = points[0]
        points = [(x - 1, y), (x + 1, y)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return (
        f'<polyline points="{path}" fill="none" stroke="{LINE}" stroke-width="1.8" '
        'stroke-linejoin="round" stroke-linecap="round" vector-effect="non-scaling-stroke"/>'
    )


def _area(points: Sequence[tuple[float, float]]) -> str:
    if len(points) == 1:
        return ""
    first, last = points[0][0], points[-1][0]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    edge = f"{last:.1f},{_HEIGHT:g} {first:.1f},{_HEIGHT:g}"
    return f'<polygon points="{path} {edge}" fill="{LINE}" fill-opacity="0.12"/>'
