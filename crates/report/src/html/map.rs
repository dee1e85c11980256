//! Maps of zones as hexagons, and bars: the plots without axes.

use maud::{Markup, html};
use plotters::element::{Polygon, Rectangle, Text};
use plotters::prelude::{Color, IntoFont, RGBColor, TextStyle};
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::chart::{Area, DrawError, HEAT, INK, NOTHING, css, drawing, px};
use crate::format::count;
use crate::zones::Zone;

/// Width and height of one map.
const SIZE: (u32, u32) = (345, 345);

/// A map of one figure of each zone.
pub(super) fn map(
    heading: &str,
    about: &str,
    zones: &[Zone],
    value: impl Fn(&Zone) -> Option<f64>,
    text: impl Fn(f64) -> String,
) -> Markup {
    let steps = steps(zones, &value);
    let colour = |zone: &Zone| {
        value(zone).map_or(NOTHING, |value| {
            let step = steps.iter().filter(|limit| value > **limit).count();
            HEAT[step.min(HEAT.len() - 1)]
        })
    };
    let plot = drawing(heading, SIZE, |area| hexagons(area, zones, colour));
    html! {
        figure.map {
            figcaption { h3 { (heading) } p.about { (about) } }
            (plot)
            (scale(&steps, zones, &value, text))
        }
    }
}

/// The values that divide the colours: equal shares of the zones, so that one hot spot does not bleach
/// all others; where most zones are alike, equal spans of the values.
fn steps(zones: &[Zone], value: &impl Fn(&Zone) -> Option<f64>) -> Vec<f64> {
    let mut values: Vec<f64> = zones.iter().filter_map(value).collect();
    values.sort_by(f64::total_cmp);
    let (Some(low), Some(high)) = (values.first(), values.last()) else {
        return Vec::new();
    };
    let mut steps: Vec<f64> = (1..HEAT.len())
        .filter_map(|n| values.get(n * values.len() / HEAT.len()).copied())
        .collect();
    steps.dedup();
    if steps.len() + 1 == HEAT.len() && steps.first() > Some(low) {
        return steps;
    }
    let width = (high - low) / HEAT.len() as f64;
    if width <= 0.0 {
        return Vec::new();
    }
    (1..HEAT.len()).map(|n| low + width * n as f64).collect()
}

fn scale(
    steps: &[f64],
    zones: &[Zone],
    value: &impl Fn(&Zone) -> Option<f64>,
    text: impl Fn(f64) -> String,
) -> Markup {
    let least = zones.iter().filter_map(value).reduce(f64::min);
    let most = zones.iter().filter_map(value).reduce(f64::max);
    html! {
        div.scale {
            span { (least.map_or_else(|| "–".to_owned(), &text)) }
            @for colour in HEAT.iter().take(steps.len() + 1) {
                svg.swatch viewBox="0 0 24 10" aria-hidden="true" {
                    rect width="24" height="10" fill=(css(*colour)) {}
                }
            }
            span { (most.map_or_else(|| "–".to_owned(), &text)) }
        }
    }
}

fn hexagons(
    area: &Area<'_>,
    zones: &[Zone],
    colour: impl Fn(&Zone) -> RGBColor,
) -> Result<(), DrawError> {
    let corners: Vec<Vec<(f64, f64)>> = zones
        .iter()
        .map(|zone| {
            zone.cell
                .corners()
                .iter()
                .map(|c| (c.lon(), c.lat()))
                .collect()
        })
        .collect();
    let all = || corners.iter().flatten();
    let span = |part: fn(&(f64, f64)) -> f64| {
        let low = all().map(part).fold(f64::INFINITY, f64::min);
        let high = all().map(part).fold(f64::NEG_INFINITY, f64::max);
        (low, high)
    };
    let ((west, east), (south, north)) = (span(|c| c.0), span(|c| c.1));
    // A degree east is shorter than a degree north: without this, hexagons lean.
    let shrink = f64::midpoint(south, north).to_radians().cos();
    let (width, height) = ((east - west) * shrink, north - south);
    let room = (f64::from(px(SIZE.0 - 8)), f64::from(px(SIZE.1 - 8)));
    let scale = (room.0 / width.max(1e-9)).min(room.1 / height.max(1e-9));
    let left = (f64::from(px(SIZE.0)) - width * scale) / 2.0;
    let top = (f64::from(px(SIZE.1)) - height * scale) / 2.0;
    #[expect(clippy::cast_possible_truncation, reason = "a pixel of the drawing")]
    let pixel = |(lon, lat): &(f64, f64)| {
        let x = left + (lon - west) * shrink * scale;
        let y = top + (north - lat) * scale;
        (x.round() as i32, y.round() as i32)
    };
    for (zone, corners) in zones.iter().zip(&corners) {
        let outline: Vec<_> = corners.iter().map(pixel).collect();
        area.draw(&Polygon::new(outline, colour(zone).filled()))?;
    }
    Ok(())
}

/// One bar with its name before it and its count behind it.
pub(super) fn bar(
    area: &Area<'_>,
    row: u32,
    name: String,
    number: u64,
    (top, total): (u64, u64),
    colour: RGBColor,
) -> Result<(), DrawError> {
    let pixel = |length: u32| i32::try_from(px(length)).unwrap_or(i32::MAX);
    let (left, room) = (170, 250);
    let middle = row * 30 + 18;
    let style = |h_pos| -> TextStyle<'static> {
        let size = f64::from(px(12)) * 1.24;
        ("sans-serif", size)
            .into_font()
            .color(&INK)
            .pos(Pos::new(h_pos, VPos::Center))
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most the room"
    )]
    let length = (number as f64 / top.max(1) as f64 * f64::from(room)) as u32;
    let name_at = (pixel(left - 10), pixel(middle));
    area.draw(&Text::new(name, name_at, style(HPos::Right)))?;
    let corners = [
        (pixel(left), pixel(middle - 9)),
        (pixel(left + length.max(2)), pixel(middle + 9)),
    ];
    area.draw(&Rectangle::new(corners, colour.filled()))?;
    let text = format!(
        "{}  ({})",
        count(number),
        super::plots::share(number, total)
    );
    let text_at = (pixel(left + length.max(2) + 8), pixel(middle));
    area.draw(&Text::new(text, text_at, style(HPos::Left)))
}
