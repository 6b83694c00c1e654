"""Draws the `shapes` data set: seven factor indices in, one antialiased picture out.

Each shape is a signed distance to its outline, tabulated once on a grid; a picture looks that
table up at rotated, scaled, shifted pixel centres and turns distance into coverage, which is
cheaper than supersampling and is as smooth at any image size.

Every operation on pixels is an elementwise +, -, *, /, sqrt, min, max or a table lookup. IEEE 754
rounds each of those in one way only, and sines are literals, so the bytes are the same on every
machine.
"""

import functools

import numpy as np

Array = np.ndarray

# The generative factors, in the order of a factor row, and how many values each has. All but
# the shape are ordered and none is cyclic: the last value is far from the first.
FACTORS: dict[str, int] = {
    "shape": 10,
    "colour": 10,
    "size": 6,
    "rotation": 15,
    "x": 9,
    "y": 9,
    "background": 8,
}
SHAPES = ("arrow", "boot", "fish", "flag", "heart", "house", "key", "leaf", "moon", "mug")
# Along the rainbow from red to violet, stopping before it would close into a circle.
COLOURS = ("red", "orange", "amber", "lime", "green", "teal", "cyan", "azure", "blue", "violet")

COLOUR_RGB = np.array(
    [
        (240, 62, 62), (255, 133, 40), (255, 206, 50), (176, 226, 60), (66, 200, 80),
        (36, 196, 160), (70, 214, 236), (64, 160, 255), (98, 112, 255), (178, 100, 250),
    ],
    np.float32,
)  # fmt: skip
# A grey picture draws colour i as a brightness of its own: luminance would confuse red with blue.
COLOUR_GREY = np.linspace(150, 255, 10, dtype=np.float32)[:, None]
# Skies from midnight to daybreak, top and bottom of each: dull, so that every colour stands out,
# and in grey darker than every colour.
SKY_TOP_RGB = np.linspace((6, 8, 20), (66, 70, 104), 8, dtype=np.float32)
SKY_BOTTOM_RGB = np.linspace((14, 20, 44), (140, 106, 112), 8, dtype=np.float32)
SKY_TOP_GREY = np.linspace(4, 56, 8, dtype=np.float32)[:, None]
SKY_BOTTOM_GREY = np.linspace(14, 88, 8, dtype=np.float32)[:, None]

# Lengths are in half image widths: a shape of radius 0.68 shifted by 0.3 still fits in.
RADIUS = np.linspace(0.43, 0.68, FACTORS["size"], dtype=np.float32)
SHIFT = np.linspace(-0.3, 0.3, FACTORS["x"], dtype=np.float32)
# Of 0, 10, ... 70 degrees. Rotation runs from -70 (clockwise) to 70 (counterclockwise), x from left
# to right and y from top to bottom.
_COS = (1.0, 0.984808, 0.939693, 0.866025, 0.766044, 0.642788, 0.5, 0.342020)
_SIN = (0.0, 0.173648, 0.342020, 0.5, 0.642788, 0.766044, 0.866025, 0.939693)
COS = np.array(_COS[:0:-1] + _COS, np.float32)
SIN = np.array([-s for s in _SIN[:0:-1]] + list(_SIN), np.float32)

GRID = 160  # table points per side
EXTENT = 1.35  # the table covers [-EXTENT, EXTENT]; shapes fill the unit disc
CHUNK_PIXELS = 1 << 16  # temporaries of one chunk stay in the L2 cache


def _disc(x: Array, y: Array, centre_x: float, centre_y: float, radius: float) -> Array:
    return np.sqrt((x - centre_x) ** 2 + (y - centre_y) ** 2) - radius


def _polygon(x: Array, y: Array, *corners: tuple[float, float]) -> Array:
    """Signed distance to a closed polygon: nearest edge, sign by counting crossings."""
    squared = np.full(x.shape, np.inf)
    inside = np.zeros(x.shape, bool)
    for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
        dx, dy = bx - ax, by - ay
        along = np.clip(((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy), 0, 1)
        squared = np.minimum(squared, (x - ax - along * dx) ** 2 + (y - ay - along * dy) ** 2)
        if dy != 0:
            crosses = (ay > y) != (by > y)
            inside ^= crosses & (x < ax + (y - ay) * dx / dy)
    return np.where(inside, -1, 1) * np.sqrt(squared)


def _box(x: Array, y: Array, left: float, bottom: float, right: float, top: float) -> Array:
    return _polygon(x, y, (left, bottom), (right, bottom), (right, top), (left, top))


def _cut(distance: Array, hole: Array) -> Array:
    return np.maximum(distance, -hole)


def _outlines(x: Array, y: Array) -> dict[str, Array]:
    """Signed distances (negative inside) of every shape at points with y pointing up.

    Unions are minima and cuts maxima, which is exact at the outline, where it matters.
    """
    boot = _polygon(
        x, y, (-0.52, 0.78), (0.08, 0.78), (0.08, 0.02), (0.4, -0.08), (0.7, -0.28),
        (0.7, -0.62), (0.06, -0.62), (-0.02, -0.42), (-0.14, -0.62), (-0.52, -0.62),
    )  # fmt: skip
    body = np.maximum(_disc(x, y, 0.24, -0.52, 0.92), _disc(x, y, 0.24, 0.52, 0.92))
    tail = _polygon(x, y, (-0.35, 0.0), (-0.9, 0.44), (-0.74, 0.0), (-0.9, -0.44))
    banner = _polygon(x, y, (-0.46, 0.74), (0.8, 0.6), (0.46, 0.24), (0.8, -0.18), (-0.46, -0.08))
    lobes = np.minimum(_disc(x, y, -0.42, 0.33, 0.46), _disc(x, y, 0.42, 0.33, 0.46))
    point = _polygon(x, y, (-0.79, 0.06), (0.0, 0.42), (0.79, 0.06), (0.0, -0.92))
    house = _polygon(
        x, y, (-0.7, -0.7), (-0.7, 0.08), (-0.9, 0.08), (0.0, 0.86), (0.34, 0.57), (0.34, 0.8),
        (0.6, 0.8), (0.6, 0.34), (0.9, 0.08), (0.7, 0.08), (0.7, -0.7),
    )  # fmt: skip
    ring = _cut(_disc(x, y, 0, 0.5, 0.48), _disc(x, y, 0, 0.5, 0.21))
    teeth = np.minimum(_box(x, y, 0, -0.9, 0.42, -0.68), _box(x, y, 0, -0.54, 0.36, -0.32))
    blade = np.maximum(_disc(x, y, -0.46, 0.2, 0.92), _disc(x, y, 0.46, 0.2, 0.92))
    vein = _polygon(x, y, (0.0, 0.55), (-0.1, -0.6), (0.1, -0.6))
    stem = _box(x, y, -0.09, -0.98, 0.09, -0.5)
    cup = _box(x, y, -0.66, -0.6, 0.28, 0.6) - 0.1
    handle = _cut(_disc(x, y, 0.4, 0.02, 0.5), _disc(x, y, 0.4, 0.02, 0.26))
    return {
        "arrow": _polygon(
            x, y, (0.0, 0.96), (0.78, 0.12), (0.28, 0.12), (0.28, -0.92), (-0.28, -0.92),
            (-0.28, 0.12), (-0.78, 0.12),
        ),
        "boot": boot - 0.04,
        "fish": _cut(np.minimum(body, tail), _disc(x, y, 0.58, 0.1, 0.12)),
        "flag": np.minimum(_box(x, y, -0.63, -0.77, -0.44, 0.74), banner),
        "heart": np.minimum(lobes, point),
        "house": _cut(house, _box(x, y, -0.3, -0.8, 0.06, -0.04)),
        "key": np.minimum(np.minimum(ring, teeth), _box(x, y, -0.13, -0.9, 0.13, 0.1)),
        "leaf": np.minimum(_cut(blade, vein), stem),
        "moon": _cut(_disc(x, y, -0.04, 0, 0.92), _disc(x, y, 0.36, 0.2, 0.72)),
        "mug": np.minimum(cup, handle),
    }  # fmt: skip


@functools.cache
def distance_table() -> Array:
    """Distances to the ten outlines, float32 [10 * GRID * GRID + GRID + 1], flat.

    The padding lets a bilinear lookup read the neighbours of the last cell.
    """
    axis = np.arange(GRID) * (2 * EXTENT / (GRID - 1)) - EXTENT
    outlines = _outlines(*np.meshgrid(axis, axis))
    flat = np.stack([outlines[name] for name in SHAPES]).ravel()
    return np.pad(flat, (0, GRID + 1), mode="edge").astype(np.float32)


def _distances(factors: Array, image_size: int) -> Array:
    """Signed distance of every pixel to the outline, in shape radii, float32 [n, H, W]."""
    shape, _, size, rotation, x, y, _ = factors.T
    centres = ((np.arange(image_size) * 2 + 1) / image_size - 1).astype(np.float32)
    # From pixels to table cells: shift, turn back, scale; image rows run down, shapes stand up.
    scale = np.float32((GRID - 1) / (2 * EXTENT)) / RADIUS[size][:, None]
    across = (centres - SHIFT[x][:, None]) * scale
    up = (SHIFT[y][:, None] - centres) * scale
    cos, sin = COS[rotation][:, None], SIN[rotation][:, None]
    column = (cos * across)[:, None, :] + (sin * up)[:, :, None]
    row = (cos * up)[:, :, None] - (sin * across)[:, None, :]
    # Beyond the table the distance of its rim serves: all that is asked there is "far outside".
    middle = np.float32((GRID - 1) / 2)
    np.clip(column + middle, 0, GRID - 1.001, out=column)
    np.clip(row + middle, 0, GRID - 1.001, out=row)
    left, top = column.astype(np.intp), row.astype(np.intp)
    column -= left
    row -= top
    cell = (shape[:, None, None] * GRID + top) * GRID + left

    table = distance_table()
    upper = table.take(cell)
    upper += column * (table[1:].take(cell) - upper)
    lower = table[GRID:].take(cell)
    lower += column * (table[GRID + 1 :].take(cell) - lower)
    return upper + row * (lower - upper)


def _draw(factors: Array, out: Array) -> None:
    """Draws factors [n, 7] into out, uint8 [n, H, W, C]."""
    image_size, channels = out.shape[1], out.shape[3]
    distance = _distances(factors, image_size)
    pixels = RADIUS[factors[:, 2]] * np.float32(image_size / 2)
    cover = np.clip(np.float32(0.5) - distance * pixels[:, None, None], 0, 1)
    # The fill glows towards the middle of the shape; a soft shadow lifts it off the sky.
    glow = cover * (np.float32(0.86) + np.clip(distance * np.float32(-0.6), 0, 0.14))
    shadow = np.clip(np.float32(0.62) + distance * np.float32(1.2), 0, 1) * (1 - cover)

    colour = (COLOUR_RGB if channels == 3 else COLOUR_GREY)[factors[:, 1]]
    top = (SKY_TOP_RGB if channels == 3 else SKY_TOP_GREY)[factors[:, 6]]
    bottom = (SKY_BOTTOM_RGB if channels == 3 else SKY_BOTTOM_GREY)[factors[:, 6]]
    height = ((np.arange(image_size) + 0.5) / image_size).astype(np.float32)
    sky = top[:, None] + height[:, None] * (bottom - top)[:, None]
    for channel in range(channels):
        value = shadow * sky[:, :, None, channel] + glow * colour[:, None, None, channel]
        out[..., channel] = value + np.float32(0.5)


def render(factors: Array, image_size: int = 32, channels: int = 3) -> Array:
    """Draws pictures from their generative factors.

    Args:
        factors: integers [n, 7], one row of factor indices a picture, in the order of FACTORS.
        image_size: height and width in pixels, at least 8.
        channels: 3 for colour; 1 for grey, where colour i is the i-th brightness.

    Returns:
        uint8 [n, image_size, image_size, channels], the same bytes on every machine.

    Raises:
        ValueError: an argument is out of range.
    """
    factors = np.asarray(factors)
    counts = np.array(list(FACTORS.values()))
    if factors.ndim != 2 or factors.shape[1] != len(FACTORS) or factors.dtype.kind not in "iu":
        raise ValueError(
            f"factors must be integers [n, {len(FACTORS)}], got {factors.dtype} {factors.shape}"
        )
    if ((factors < 0) | (factors >= counts)).any():
        raise ValueError(f"each factor must be at least 0 and below its count in {FACTORS}")
    if image_size < 8 or channels not in (1, 3):
        raise ValueError(
            f"cannot draw size {image_size} (at least 8) with {channels} channels (1 or 3)"
        )
    images = np.empty((len(factors), image_size, image_size, channels), np.uint8)
    chunk = max(1, CHUNK_PIXELS // image_size**2)
    for start in range(0, len(factors), chunk):
        _draw(factors[start : start + chunk].astype(np.intp), images[start : start + chunk])
    return images
