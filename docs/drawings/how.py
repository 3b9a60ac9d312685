"""Drawings of how pyattn works."""

from __future__ import annotations

from drawings.canvas import Canvas


def path() -> str:
    """The path of the data, from a text to its translation."""
    canvas = Canvas(680, 330)
    steps = [
        ("text", "plain"), ("sentences", "c5"), ("ids", "c5"), ("encoder", "c1"), ("memory", "c3"),
    ]  # fmt: skip
    for n, (name, colour) in enumerate(steps):
        canvas.label(10 + n * 134, 20, 104, 40, name, colour)
        if n:
            canvas.line([(n * 134 - 18, 40), (n * 134 + 8, 40)], "arrow")
    canvas.line([(598, 60), (598, 96)], "arrow")
    canvas.label(478, 98, 192, 46, "keys and values of every\ndecoder layer, once", "c3")
    canvas.box(150, 116, 300, 182)
    canvas.text(300, 134, "one step of the batch", kind="bold")
    canvas.label(176, 152, 248, 34, "decoder: one row per hypothesis", "c2")
    canvas.line([(300, 186), (300, 196)], "arrow")
    canvas.label(176, 198, 248, 34, "vocabulary: the best k of each row", "c4")
    canvas.line([(300, 232), (300, 242)], "arrow")
    canvas.label(176, 244, 248, 34, "search: which rows go on", "c6")
    canvas.line([(424, 261), (440, 261), (440, 169), (428, 169)], "arrow")
    canvas.line([(574, 144), (574, 176), (452, 176)], "arrow")
    canvas.line([(150, 261), (114, 261)], "arrow")
    canvas.label(10, 244, 102, 34, "ids, text")
    return canvas.svg()


def batch() -> str:
    """Rows of several sentences in one batch, step by step."""
    canvas = Canvas(660, 250)
    names = ["A", "B", "C", "D", "E"]
    colours = ["c1", "c2", "c3", "c4", "c5"]
    steps = [[0, 1, 2, 3], [0, 1, 2, 3], [0, 1, 3], [0, 1, 3, 4], [0, 3, 4], [0, 3, 4]]
    for n, rows in enumerate(steps):
        x = 30 + n * 104
        canvas.text(x + 38, 18, f"step {n + 1}", kind="small")
        for slot in range(4):
            canvas.box(x, 34 + slot * 40, 76, 34)
        for slot, sentence in enumerate(rows):
            canvas.label(x, 34 + slot * 40, 76, 34, names[sentence], colours[sentence])
    canvas.text(280, 206, "C has ended: its row is free", anchor="middle", kind="small")
    canvas.text(380, 228, "E waited, and takes the row in step 4", anchor="middle", kind="small")
    canvas.line([(276, 196), (276, 186)], "arrow")
    canvas.line([(380, 218), (380, 196)], "arrow")
    return canvas.svg()


def padding() -> str:
    """A padded rectangle, and rows without padding."""
    canvas = Canvas(660, 190)
    lengths, colours = [3, 7, 2, 5], ["c1", "c2", "c3", "c4"]
    canvas.text(115, 16, "padded: 28 rows, 17 are tokens", kind="small")
    canvas.text(470, 16, "ragged: 17 rows, 17 are tokens", kind="small")
    position = 0
    for row, (length, colour) in enumerate(zip(lengths, colours, strict=True)):
        for n in range(7):
            canvas.box(20 + n * 28, 32 + row * 36, 26, 32, colour if n < length else "plain")
        for n in range(length):
            place = position + n
            canvas.box(300 + place % 12 * 28, 50 + place // 12 * 50, 26, 32, colour)
        position += length
    return canvas.svg()


def sums() -> str:
    """Sixteen lanes, whatever the width of a vector."""
    canvas = Canvas(660, 220)
    canvas.text(10, 24, "a row", anchor="start", kind="small")
    for n in range(32):
        colour = ("c1", "c2", "c3", "c4")[n % 16 // 4]
        canvas.box(70 + n * 18, 12, 16, 24, colour)
    canvas.text(10, 88, "16 lanes", anchor="start", kind="small")
    for n in range(16):
        colour = ("c1", "c2", "c3", "c4")[n // 4]
        canvas.box(70 + n * 36, 76, 32, 24, colour)
        canvas.text(86 + n * 36, 88, str(n), kind="inside")
        canvas.line([(78 + n * 18, 36), (86 + n * 36, 74)], "faint")
        canvas.line([(78 + (n + 16) * 18, 36), (86 + n * 36, 74)], "faint")
    canvas.text(10, 150, "one order", anchor="start", kind="small")
    canvas.label(230, 136, 240, 28, "((0+8) + (4+12)) + ...", "c6")
    canvas.line([(350, 100), (350, 134)], "arrow")
    canvas.text(
        350, 190, "AVX-512: one vector of 16; AVX2: two of 8; NEON: four of 4", kind="small"
    )
    return canvas.svg()


def tiles() -> str:
    """Attention of a tile of queries over blocks of keys."""
    canvas = Canvas(660, 300)
    canvas.text(70, 20, "queries", kind="small")
    for n in range(4):
        canvas.box(40, 60 + n * 44, 60, 40, "c1" if n == 1 else "plain")
    canvas.text(350, 20, "keys, in blocks of 96", kind="small")
    for n in range(5):
        canvas.box(150 + n * 84, 34, 80, 18, "c2" if n == 2 else "plain")
        for row in range(4):
            colour = "plain"
            if row == 1:
                colour = "c3" if n < 2 else ("c5" if n == 2 else "plain")
            canvas.box(150 + n * 84, 60 + row * 44, 80, 40, colour)
    canvas.text(190, 124, "done", kind="inside")
    canvas.text(274, 124, "done", kind="inside")
    canvas.text(358, 124, "in L1", kind="inside")
    canvas.label(590, 104, 60, 40, "y", "c4")
    canvas.line([(570, 124), (588, 124)], "arrow")
    canvas.text(
        350,
        258,
        "kept for a tile: the largest score so far, the sum of exponentials,",
        kind="small",
    )
    canvas.text(350, 276, "and the output so far. No row of scores is ever stored.", kind="small")
    return canvas.svg()


def segments() -> str:
    """What a token of a long source sees: a window, and segments."""
    canvas = Canvas(520, 330)
    count, side = 24, 11
    x0, y0 = 40, 34
    canvas.text(x0 + count * side / 2, 16, "keys", kind="small")
    canvas.text(12, y0 - 12, "queries", anchor="start", kind="small")
    for row in range(count):
        for column in range(count):
            near = abs(row - column) <= 3
            everywhere = row == 0 or column == 0
            if near or everywhere:
                colour = "c2" if everywhere else "c1"
                canvas.box(x0 + column * side, y0 + row * side, side - 1, side - 1, colour)
    canvas.box(330, 60, 16, 16, "c1")
    canvas.text(354, 68, "window: one piece", anchor="start")
    canvas.box(330, 90, 16, 16, "c2")
    canvas.text(354, 98, "global tokens:", anchor="start")
    canvas.text(354, 116, "a segment", anchor="start")
    canvas.text(330, 160, "The rest is never computed,", anchor="start", kind="small")
    canvas.text(330, 178, "and no mask says so.", anchor="start", kind="small")
    return canvas.svg()


def vocabulary() -> str:
    """Chunks of the vocabulary, each with its best and its sum."""
    canvas = Canvas(660, 230)
    canvas.label(20, 60, 70, 60, "state\n512", "c1")
    canvas.line([(90, 90), (116, 90)], "arrow")
    for n in range(6):
        canvas.label(118 + n * 74, 50, 70, 80, "512\ncolumns" if n < 5 else "...", "c2")
        canvas.line([(153 + n * 74, 130), (153 + n * 74, 150)], "arrow")
        canvas.label(118 + n * 74, 152, 70, 40, "max\nsum", "c5")
    canvas.text(340, 30, "54,688 columns: logits of a chunk are used and forgotten", kind="small")
    canvas.line([(562, 172), (584, 172)], "arrow")
    canvas.label(586, 144, 66, 56, "best k,\nlog sum", "c4")
    return canvas.svg()


def bounds() -> str:
    """Greedy search: bounds, a bar, and the panels that are computed."""
    canvas = Canvas(660, 250)
    highest = [64, 40, 96, 150, 58, 70, 132, 44, 84, 52, 76, 60, 104, 48]
    exact = {3: 120, 6: 108}
    bar = 120
    for n, height in enumerate(highest):
        x = 40 + n * 42
        canvas.box(x, 200 - height, 34, height, "c6" if n not in exact else "c5")
        if n in exact:
            canvas.box(x + 8, 200 - exact[n], 18, exact[n], "c1")
    canvas.line([(30, 200 - bar), (640, 200 - bar)], "dashed")
    canvas.text(640, 200 - bar - 12, "the best exact logit so far", anchor="end", kind="small")
    canvas.line([(30, 200), (640, 200)])
    canvas.text(
        335, 222, "panels of the vocabulary: bound (wide), exact logit (narrow)", kind="small"
    )
    return canvas.svg()


def numbers() -> str:
    """The bits of a weight in each number type."""
    canvas = Canvas(660, 250)
    rows = [
        ("float32", [(1, "c6"), (8, "c2"), (23, "c1")], "4 bytes"),
        ("bfloat16", [(1, "c6"), (8, "c2"), (7, "c1")], "2 bytes"),
        ("int8", [(8, "c3")], "1 byte, and a scale for each output"),
        ("int4", [(4, "c4")], "half a byte, 5 bits for 32 inputs, and a scale for each output"),
    ]
    for row, (name, parts, remark) in enumerate(rows):
        y = 20 + row * 48
        canvas.text(74, y + 14, name, anchor="end")
        position = 0
        for bits, colour in parts:
            for n in range(bits):
                canvas.box(84 + (position + n) * 16, y, 14, 28, colour)
            position += bits
        if position < 20:
            canvas.text(94 + position * 16, y + 14, remark, anchor="start", kind="small")
        else:
            canvas.text(602, y + 14, remark, anchor="start", kind="small")
    legend = {84: ("sign", "c6"), 150: ("exponent", "c2"), 250: ("fraction", "c1")}
    for x, (name, colour) in (legend | {340: ("integer", "c3")}).items():
        canvas.box(x, 220, 14, 14, colour)
        canvas.text(x + 20, 227, name, anchor="start", kind="small")
    return canvas.svg()


def int8_product() -> str:
    """A product in int8: two quantised sides, an exact sum, two scales."""
    canvas = Canvas(660, 210)
    canvas.label(20, 20, 150, 44, "row of inputs\nfloat32", "c1")
    canvas.line([(170, 42), (208, 42)], "arrow")
    canvas.label(210, 20, 150, 44, "uint8, with a scale\nand a zero", "c3")
    canvas.label(20, 130, 150, 44, "weights\nfloat32, once", "c1")
    canvas.line([(170, 152), (208, 152)], "arrow")
    canvas.label(210, 130, 150, 44, "int8, a scale\nper output", "c3")
    canvas.line([(360, 42), (410, 86)], "arrow")
    canvas.line([(360, 152), (410, 108)], "arrow")
    canvas.label(412, 70, 110, 54, "sum in int32\n(exact)", "c2")
    canvas.line([(522, 97), (552, 97)], "arrow")
    canvas.label(554, 70, 98, 54, "x scales\n+ bias", "c4")
    return canvas.svg()
