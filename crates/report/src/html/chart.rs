//! The frame that all plots share: axes, grid, colours, and an SVG that a browser can recolour.
//!
//! Colours are those of the light page. The style sheet knows each of them and replaces it in the dark
//! (`svg [fill="#2F6FB3"]`), so that one drawing serves both, and alone it is still right.

use std::ops::Range;

use maud::{Markup, PreEscaped, html};
use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::{
    Cartesian2d, ChartBuilder, ChartContext, DrawingArea, DrawingAreaErrorKind, IntoDrawingArea,
    IntoFont, RGBColor, Ranged, SVGBackend, ShapeStyle, TextStyle,
};

/// Plots are drawn at this multiple of their size, for plotters places whole pixels only.
const SCALE: u32 = 3;

/// Ink of axis labels.
pub(super) const INK: RGBColor = RGBColor(0x5B, 0x67, 0x70);
/// Lines of the grid and the axes.
pub(super) const GRID: RGBColor = RGBColor(0xE3, 0xE7, 0xEA);
/// The first colour of a series.
pub(super) const BLUE: RGBColor = RGBColor(0x2F, 0x6F, 0xB3);
/// What went well.
pub(super) const TEAL: RGBColor = RGBColor(0x1F, 0x9D, 0x8A);
/// What waits.
pub(super) const AMBER: RGBColor = RGBColor(0xDB, 0x93, 0x2C);
/// What went wrong.
pub(super) const RED: RGBColor = RGBColor(0xC7, 0x51, 0x46);
/// Another series.
pub(super) const VIOLET: RGBColor = RGBColor(0x7E, 0x6B, 0xB5);
/// What is idle.
pub(super) const GREY: RGBColor = RGBColor(0xB4, 0xBD, 0xC5);
/// Another series.
pub(super) const PLUM: RGBColor = RGBColor(0xB8, 0x5C, 0x92);
/// Another series.
pub(super) const OLIVE: RGBColor = RGBColor(0x7F, 0x91, 0x3A);
/// Series in the order of use.
pub(super) const SERIES: [RGBColor; 6] = [BLUE, TEAL, AMBER, VIOLET, PLUM, OLIVE];
/// From little to much, on maps.
pub(super) const HEAT: [RGBColor; 7] = [
    RGBColor(0xE4, 0xEE, 0xF3),
    RGBColor(0xC2, 0xDC, 0xE8),
    RGBColor(0x94, 0xC4, 0xDA),
    RGBColor(0x5F, 0xA6, 0xC9),
    RGBColor(0x34, 0x83, 0xB3),
    RGBColor(0x1C, 0x60, 0x95),
    RGBColor(0x0E, 0x3F, 0x6E),
];
/// Where there is nothing to show on a map.
pub(super) const NOTHING: RGBColor = RGBColor(0xEE, 0xEF, 0xF0);

/// Why a plot could not be drawn; into a string it always can.
pub(super) type DrawError = DrawingAreaErrorKind<std::io::Error>;
/// What plots are drawn on.
pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A colour as CSS writes it.
pub(super) fn css(colour: RGBColor) -> String {
    format!("#{:02X}{:02X}{:02X}", colour.0, colour.1, colour.2)
}

/// A length of the finished plot in the pixels that are drawn.
pub(super) fn px(length: u32) -> u32 {
    length * SCALE
}

/// A line of that width.
pub(super) fn line(colour: RGBColor, tenths: u32) -> ShapeStyle {
    ShapeStyle::from(&colour).stroke_width(tenths * SCALE / 10)
}

/// A drawing of that size, with a title and a description for those who do not see it.
pub(super) fn drawing(
    label: &str,
    (width, height): (u32, u32),
    draw: impl FnOnce(&Area<'_>) -> Result<(), DrawError>,
) -> Markup {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (px(width), px(height))).into_drawing_area();
        draw(&area)
            .and_then(|()| area.present())
            .expect("drawing into a string does not fail");
    }
    let inner = svg.find('>').map_or("", |end| &svg[end + 1..]);
    let view = format!("0 0 {} {}", px(width), px(height));
    let title = html! { title { (label) } }.into_string();
    let label = html! { (label) }.into_string();
    PreEscaped(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"{view}\" role=\"img\" aria-label=\"{label}\">{title}{}",
        inner.trim_start()
    ))
}

/// Axis labels.
pub(super) fn label_style() -> TextStyle<'static> {
    ("sans-serif", f64::from(12 * SCALE) * 1.24)
        .into_font()
        .color(&INK)
}

/// Where labels stand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Labels {
    /// Under the x axis.
    pub(super) x: &'static str,
    /// Width of the y labels.
    pub(super) y_width: u32,
    /// At most so many labels along x.
    pub(super) x_count: usize,
    /// At most so many labels along y.
    pub(super) y_count: usize,
}

impl Default for Labels {
    fn default() -> Self {
        Self {
            x: "",
            y_width: 48,
            x_count: 8,
            y_count: 5,
        }
    }
}

/// How an axis writes its values.
pub(super) type TextOf<'c, T> = &'c dyn Fn(&T) -> String;

/// Axes, ready to draw series upon.
type Framed<'a, 'b, X, Y> = ChartContext<
    'b,
    SVGBackend<'a>,
    Cartesian2d<<X as AsRangedCoord>::CoordDescType, <Y as AsRangedCoord>::CoordDescType>,
>;

/// Axes over two ranges with a light grid, labels formatted as told.
pub(super) fn axes<'a, 'b, X, Y>(
    area: &Area<'a>,
    x: X,
    y: Y,
    labels: Labels,
    x_text: TextOf<'_, X::Value>,
    y_text: TextOf<'_, Y::Value>,
) -> Result<Framed<'a, 'b, X, Y>, DrawError>
where
    'a: 'b,
    X: AsRangedCoord,
    Y: AsRangedCoord,
    X::CoordDescType: Ranged<ValueType = X::Value> + ValueFormatter<X::Value>,
    Y::CoordDescType: Ranged<ValueType = Y::Value> + ValueFormatter<Y::Value>,
{
    let mut chart = ChartBuilder::on(area)
        .margin_top(px(10))
        .margin_right(px(24))
        .margin_bottom(px(2))
        .x_label_area_size(px(if labels.x.is_empty() { 26 } else { 44 }))
        .y_label_area_size(px(labels.y_width))
        .build_cartesian_2d(x, y)?;
    let clear = plotters::style::TRANSPARENT;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(clear)
        .bold_line_style(line(GRID, 10))
        .axis_style(line(GRID, 10))
        .label_style(label_style())
        .axis_desc_style(label_style())
        .x_labels(labels.x_count)
        .y_labels(labels.y_count)
        .x_label_formatter(x_text)
        .y_label_formatter(y_text)
        .x_desc(labels.x)
        .set_all_tick_mark_size(px(3))
        .draw()?;
    Ok(chart)
}

/// A range from zero that holds a value with room above; never empty.
pub(super) fn up_to(largest: f64) -> Range<f64> {
    let top = if largest.is_finite() && largest > 0.0 {
        largest * 1.06
    } else {
        1.0
    };
    0.0..top
}

/// Bounds for a logarithmic axis, in whole powers of ten around the values above zero.
pub(super) fn decades(values: impl Iterator<Item = f64>) -> Range<f64> {
    let (mut low, mut high) = (f64::INFINITY, 0.0f64);
    for value in values.filter(|value| value.is_finite() && *value > 0.0) {
        low = low.min(value);
        high = high.max(value);
    }
    if high <= 0.0 {
        return 1.0..10.0;
    }
    let low = 10f64.powf(low.log10().floor()).max(1e-3);
    let high = 10f64.powf((high * 1.001).log10().ceil());
    low..high.max(low * 10.0)
}

/// A legend of colour swatches.
pub(super) fn legend(entries: &[(&str, RGBColor)]) -> Markup {
    html! {
        ul.legend {
            @for (name, colour) in entries {
                li {
                    svg.swatch viewBox="0 0 10 10" aria-hidden="true" {
                        rect width="10" height="10" rx="2" fill=(css(*colour)) {}
                    }
                    (name)
                }
            }
        }
    }
}

/// A plot with its heading, what it shows, and its legend.
pub(super) fn figure(heading: &str, about: &str, legend: Markup, plot: Markup) -> Markup {
    html! {
        figure {
            figcaption {
                h3 { (heading) }
                p.about { (about) }
            }
            (legend)
            (plot)
        }
    }
}
