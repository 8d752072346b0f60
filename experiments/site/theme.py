"""The light and the dark theme of charts: Vega's `config`, and the colours that specs name.

The series' colours are Okabe and Ito's, darkened or lightened until each has a contrast of 3 to 1 with the
background. No chart depends on colour alone.
"""

from typing import Any, NamedTuple


class Theme(NamedTuple):
    """The colours of one theme."""

    ground: str
    """Background."""
    ink: str
    faint: str
    """Grid lines."""
    series: tuple[str, ...]
    """Colours of a chart's series, in their order."""
    heat: tuple[str, str, str]
    """From 0 to 100 %."""


LIGHT = Theme(
    "#ffffff",
    "#1f2328",
    "#d9dde2",
    ("#0072b2", "#c44f00", "#00805d", "#a8497f", "#7a6000", "#5c6370"),
    ("#f3f6f9", "#5aa5d6", "#08426b"),
)
DARK = Theme(
    "#12161c",
    "#e6e9ed",
    "#333a44",
    ("#5bb8f0", "#ff9152", "#2fc99f", "#e79cc8", "#dcc04a", "#a9b1bd"),
    ("#1c232c", "#2f7cb0", "#bfe3fb"),
)
THEMES = {"light": LIGHT, "dark": DARK}

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"


def config(theme: Theme) -> dict[str, Any]:
    """Vega's `config` for all charts."""
    ink, faint = theme.ink, theme.faint
    texts = {"labelColor": ink, "titleColor": ink}
    lines = {f"{part}Color": faint for part in ("grid", "domain", "tick")}
    axis_fonts = {"labelFontSize": 11, "titleFontSize": 12, "titleFontWeight": "normal"}
    legend = {"labelFontSize": 12, "orient": "top", "direction": "vertical", "title": None}
    return {
        "background": None,
        "font": FONT,
        "view": {"stroke": None},
        "axis": texts | lines | axis_fonts,
        "legend": texts | legend | {"labelLimit": 400, "symbolSize": 120},
        "title": {"color": ink, "fontSize": 13, "anchor": "start"},
        "text": {"color": ink, "fontSize": 12},
        "rule": {"color": ink},
        "range": {"category": list(theme.series), "heatmap": list(theme.heat)},
    }


def colours(theme: Theme) -> dict[str, str]:
    """The colours that specs read as parameters, where a config has no effect."""
    return {"ink": theme.ink, "ground": theme.ground}
