"""Colours and the style sheet of report.html."""

# Each colour on light and on dark paper. Curves are drawn in the light ones; on a page every one
# is a CSS variable, so that one SVG serves both.
PALETTE = {
    "paper": ("#fdfdfb", "#16181b"),
    "panel": ("#f6f6f2", "#1d2024"),
    "ink": ("#26292d", "#dddcd7"),
    "mute": ("#6b6f75", "#9a9da3"),
    "rule": ("#e1e1db", "#33373c"),
    "link": ("#1f5a9e", "#8dbcf0"),
    "warn": ("#a8321f", "#ff9b85"),
    "blue": ("#2f6db5", "#6ea9ea"),
    "teal": ("#13857a", "#4cc2b3"),
    "red": ("#cb5030", "#f28c66"),
    "purple": ("#7a56a9", "#b796e2"),
    "orange": ("#c4860f", "#e6b450"),
    "green": ("#4d8a3a", "#8ac673"),
    "brown": ("#85583a", "#c69c78"),
    "pink": ("#c8458e", "#f08cc4"),
    "lime": ("#93a619", "#cbdc5c"),
    "cyan": ("#26a3bd", "#7adbea"),
    "navy": ("#27357a", "#98a3f7"),
}


def _tint(pair: tuple[str, str]) -> tuple[str, str]:
    """Both colours half way to their paper."""
    halves = []
    for colour, paper in zip(pair, PALETTE["paper"], strict=True):
        parts = ((int(c[i : i + 2], 16) for c in (colour, paper)) for i in (1, 3, 5))
        halves.append("#" + "".join(f"{sum(part) // 2:02x}" for part in parts))
    return halves[0], halves[1]


_HUES = ("blue", "orange", "green", "red", "purple", "brown", "pink", "lime", "cyan", "navy")
PALETTE |= {f"{name}-tint": _tint(PALETTE[name]) for name in _HUES}
CLASSES = (*_HUES, *(f"{name}-tint" for name in _HUES))
"""Colours for classes, those told apart best first."""


def light(name: str) -> str:
    """The colour on light paper, as #rrggbb."""
    return PALETTE[name][0]


def _variables(index: int) -> str:
    return "".join(f"--{name}:{pair[index]};" for name, pair in PALETTE.items())


# Of a table of models (@): the first cell of a row stands above the others, all of one width.
_STACKED = """
@,@ thead,@ tbody,@ tr,@ caption{display:block}
@{width:max-content;min-width:100%}
@ tr{padding:.45rem 0;border-bottom:1px solid var(--rule);white-space:nowrap}
@ th,@ td{display:inline-block;width:3.4rem;padding:.1rem .9rem .1rem 0;border:0;vertical-align:top}
@ .keyed{width:10rem;min-width:0}
@ td.keyed code{white-space:normal;overflow-wrap:anywhere}
@ th:first-child,@ td:first-child{display:block;width:min(100vw - 2.2rem,60rem);padding:0;
 white-space:normal}
@ small{max-width:44rem}
"""

CSS = (
    f":root{{color-scheme:light dark;{_variables(0)}}}"
    f"@media(prefers-color-scheme:dark){{:root{{{_variables(1)}}}}}"
    + """
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;padding:0 1.1rem 5rem;background:var(--paper);color:var(--ink);
 font:400 1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:60rem;margin:0 auto}
header{padding:4.5rem 0 1.6rem}
h1,h2{font-weight:600;letter-spacing:-.01em;text-wrap:balance;overflow-wrap:anywhere;
 font-family:ui-serif,Charter,"Iowan Old Style","Palatino Linotype",Georgia,serif}
h1{font-size:clamp(1.9rem,6vw,2.9rem);line-height:1.12;margin:0}
h2{font-size:1.5rem;line-height:1.25;margin:4rem 0 1rem;padding-top:1.1rem;
 border-top:1px solid var(--rule)}
h3{font-size:1rem;font-weight:650;margin:1.6rem 0 .4rem;overflow-wrap:anywhere}
p{margin:.6rem 0;max-width:44rem;overflow-wrap:anywhere}
a{color:var(--link);text-decoration:none}
a:hover{text-decoration:underline}
.lede{display:flex;flex-wrap:wrap;gap:.1rem 1.1rem;margin:1rem 0 0;padding:0;list-style:none;
 color:var(--mute);font-size:.92rem}
nav{display:flex;flex-wrap:wrap;gap:.25rem 1.1rem;padding:.75rem 0;font-size:.88rem;
 border-top:1px solid var(--rule);border-bottom:1px solid var(--rule)}
nav+section h2{border-top:0;margin-top:1.2rem}
code,pre{font-family:ui-monospace,"SF Mono","Cascadia Mono",Menlo,Consolas,monospace;
 font-size:.86em}
pre{margin:.7rem 0;padding:.8rem 1rem;background:var(--panel);border-radius:8px;
 white-space:pre-wrap;overflow-wrap:anywhere}
.missing{color:var(--mute);font-size:.94rem;padding-left:.9rem;border-left:2px solid var(--rule)}
.verdict{margin:1rem 0;padding:.1rem 0 .1rem 1rem;border-left:3px solid var(--link);max-width:46rem;
 font-size:1.06rem;overflow-wrap:anywhere}
.verdict small{display:block;color:var(--mute);font-size:.82rem}
.facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(12rem,1fr));gap:1.7rem 1.4rem;
 margin:1.8rem 0}
.facts dt{overflow-wrap:anywhere;color:var(--mute);font-size:.86rem;line-height:1.35}
.facts dd{margin:0;font-size:1.75rem;line-height:1.2;font-weight:600;letter-spacing:-.015em;
 font-variant-numeric:tabular-nums}
.facts div{display:flex;flex-direction:column-reverse;justify-content:flex-end}
.facts small{display:block;opacity:.85}
.scroll{overflow-x:auto;margin:.8rem 0}
table{border-collapse:collapse;font-size:.92rem;min-width:min(26rem,100%)}
caption{caption-side:top;text-align:left;color:var(--mute);font-size:.88rem;padding:0 0 .45rem}
th{font-weight:500;color:var(--mute);font-size:.84rem;text-align:left;white-space:nowrap}
th,td{padding:.36rem 1.6rem .36rem 0;border-bottom:1px solid var(--rule);vertical-align:baseline}
th:last-child,td:last-child{padding-right:0}
td.number,th.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td code{overflow-wrap:anywhere}
td:first-child code{white-space:nowrap}
td small{display:block;max-width:19rem;color:var(--mute);font-size:.8rem;line-height:1.35}
td strong{font-weight:700}
.absent{display:inline-block;max-width:12rem;padding-top:.16rem;color:var(--mute);font-size:.84rem;
 line-height:1.3;white-space:normal;overflow-wrap:anywhere;vertical-align:top}
.pinned th{vertical-align:bottom}
th.keyed{white-space:normal;min-width:6.5rem;line-height:1.3}
th.keyed .key{display:block;margin:0 0 .35rem}
th.keyed.number .key{margin-left:auto}
.pinned td:first-child,.pinned th:first-child{position:sticky;left:0;background:var(--paper)}
.pinned td:not(:first-child) code{white-space:nowrap}
.warn{color:var(--warn);font-weight:650}
details{margin:.8rem 0}
summary{cursor:pointer;color:var(--link);font-size:.92rem;padding:.2rem 0}
figure{margin:1.2rem 0}
figcaption{color:var(--mute);font-size:.9rem;line-height:1.45;max-width:44rem;margin-top:.9rem}
.charts{display:grid;gap:1.8rem 1.6rem;
 grid-template-columns:repeat(auto-fill,minmax(min(18rem,100%),1fr))}
.charts.wide{grid-template-columns:repeat(auto-fill,minmax(min(27rem,100%),1fr))}
.chart{display:flex;flex-direction:column}
.chart h3{margin:0;line-height:1.3}
.chart .unit{color:var(--mute);font-size:.84rem}
.chart .legend{display:flex;flex-wrap:wrap;gap:0 .9rem;margin:.2rem 0;
 font-size:.8rem;color:var(--mute)}
.chart svg{display:block;width:100%;height:auto;margin-top:auto;font-family:inherit;
 overflow:visible}
.chart svg *{stroke-linejoin:round}
.key{display:inline-block;width:1rem;height:0;border-top:2.5px solid;vertical-align:.22em;
 margin-right:.35rem}
.key.disc{width:0;border:.3rem solid;border-radius:50%;vertical-align:-.02em}
.key.dot{width:.6rem;height:.6rem;border:2px solid;border-radius:50%;vertical-align:-.02em}
img{image-rendering:pixelated;max-width:100%;height:auto;display:block}
.rows{display:grid;grid-template-columns:auto minmax(0,1fr);gap:.3rem 1rem;align-items:center}
.rows span{font-size:.9rem;line-height:1.2;text-align:right;max-width:11rem;overflow-wrap:anywhere}
.cells{display:flex;flex-wrap:wrap;gap:1.1rem .9rem}
.cells div{max-width:5.5rem}
.strip{display:grid;grid-template-columns:repeat(auto-fill,minmax(10.5rem,1fr));gap:1.1rem .9rem}
.strip img{image-rendering:auto}
.sheets{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(17rem,100%),1fr));
 gap:1.6rem 1.4rem}
.sheets img{width:100%}
.sheets span{display:block;font-size:.9rem;line-height:1.3;margin-bottom:.4rem;
 overflow-wrap:anywhere}
.cells span{display:block;font-size:.76rem;line-height:1.2;color:var(--mute);text-align:center;
 margin-top:.35rem;overflow-wrap:anywhere}
.strip span{display:block;font-size:.84rem;color:var(--mute);margin-bottom:.3rem;
 font-variant-numeric:tabular-nums}
"""
    + _STACKED.replace("@", ".many")
    + "@media(max-width:34rem){"
    + _STACKED.replace("@", ".models")
    + """
 header{padding-top:2.2rem}
 .facts{grid-template-columns:repeat(2,minmax(0,1fr));gap:1.3rem 1rem}
 .facts dd{font-size:1.45rem}
 table{font-size:.88rem}
 th,td{padding-right:.9rem}
 .rows{display:block}
 .rows span{display:block;text-align:left;max-width:none;margin:.7rem 0 .25rem}
 .strip{grid-template-columns:repeat(2,minmax(0,1fr));gap:1rem}
}
@media print{body{padding:0}details{display:none}}
"""
)
