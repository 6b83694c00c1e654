"""Values that nobody means well by: what a flag, a JSON file or a name may hold."""

import copy

from hypothesis import strategies as st

NUMBERS = (
    *("0", "-0", "1", "-1", "1.5", "nan", "NaN", "-inf", "inf", "Infinity", "1e400", "-1e400"),
    *("1e-400", "9" * 400, "9" * 5000, "0x" + "f" * 5000, "-" + "9" * 4000, "1_0", "1__0", "07"),
    *("1j", "1e400j", "true", "True", "None", "null", "٣", "１", "+1", "--1", "~1", "1 ", " 1"),
    *(str(2**31), str(2**32), str(2**63 - 1), str(2**63), str(-(2**63) - 1)),
)
SHAPES = (
    *("", "()", "(", "[]", "[1,", "{}", "{1: 2}", "{[]: 1}", "1,2", "(1, (2, 3))", "((((1,),),),)"),
    *(
        "('a', 1)",
        "'a",
        '"',
        "b'x'",
        "f'{1}'",
        "'a' 'b'",
        "[None]",
        "...",
        "lambda: 1",
        "*a",
        "1 2",
    ),
    *("(" * 300, "[" * 100_000, "-" * 5000 + "1", "1+" * 20_000 + "1", "not " * 3000 + "1"),
    *("a" * 100_000, "\\", "'\\d'", "'\\N{x}'", "'\\x'", "# x", "x\ny", "a=b", "=", "--", "\t"),
)
PATHS = (
    *("~", "~nobody-of-that-name/x", "../..", "/", "/dev/null", "/dev/zero", "/proc/self/mem", "."),
    *(
        "a\0b",
        "\x1b[31mred",
        "a\nerror: b",
        "n" * 300,
        "\udcff",
        "\ud800",
        "🙂",
        "\u2028",
        "*",
        "[",
        "?",
    ),
    *("$(touch x)", "`touch x`", "; touch x", "%s%n", "{0}", "file:///etc/passwd", "http://x/y"),
)
STRINGS = (*NUMBERS, *SHAPES, *PATHS)

texts = (
    st.sampled_from(STRINGS) | st.text(max_size=30) | st.floats().map(repr) | st.integers().map(str)
)

leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from((2**31, 2**63 - 1, 2**63, 10**400, -(10**4000), 1e308, 5e-324, -1, 0))
    | st.sampled_from(PATHS)
    | st.text(max_size=20)
)
trees = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
"""Of what JSON can hold."""


@st.composite
def mutated(draw, content, most=3):
    """JSON content with up to a few of its nodes replaced, removed, renamed or added."""
    holder = {"root": copy.deepcopy(content)}
    for _ in range(draw(st.integers(1, most))):
        node, key = holder, "root"
        while isinstance(node[key], dict | list) and node[key] and draw(st.integers(0, 3)):
            node = node[key]
            keys = list(node) if isinstance(node, dict) else range(len(node))
            key = draw(st.sampled_from(keys))
        if isinstance(node, dict) and node is not holder and draw(st.integers(0, 4)) == 0:
            value = node.pop(key)
            if draw(st.booleans()):
                node[draw(st.text(max_size=8))] = value
        else:
            node[key] = draw(trees)
    return holder["root"]
