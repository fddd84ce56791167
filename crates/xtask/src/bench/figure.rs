//! One measured figure, its goal, and the yardstick it is read beside.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A measured value.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) value: f64,
    /// "ms", "/s", "MB", "s".
    pub(crate) unit: String,
    /// What the product promises itself, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) goal: Option<Goal>,
    /// The name of the figure of the same run that this one is read beside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) beside: Option<String>,
}

/// What a figure should be.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Goal {
    #[serde(rename = "at_most")]
    Most(f64),
    #[serde(rename = "at_least")]
    Least(f64),
    /// At most so many times its yardstick.
    #[serde(rename = "at_most_times")]
    Times(f64),
    /// At most so much more than its yardstick.
    #[serde(rename = "at_most_above")]
    Above(f64),
}

/// All figures of one run.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) figures: Vec<Figure>,
}

impl Report {
    fn yardstick(&self, figure: &Figure) -> Option<&Figure> {
        let name = figure.beside.as_ref()?;
        self.figures.iter().find(|other| other.name == *name)
    }
}

impl Goal {
    /// Whether the goal is met; `None` when it needs a yardstick that this run does not have.
    fn is_met(self, value: f64, yardstick: Option<f64>) -> Option<bool> {
        match self {
            Self::Most(most) => Some(value <= most),
            Self::Least(least) => Some(value >= least),
            Self::Times(times) => yardstick.map(|yardstick| value <= times * yardstick),
            Self::Above(above) => yardstick.map(|yardstick| value <= yardstick + above),
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Most(most) => write!(out, "≤ {}", Number(*most)),
            Self::Least(least) => write!(out, "≥ {}", Number(*least)),
            Self::Times(times) => write!(out, "≤ {} ×", Number(*times)),
            Self::Above(above) => write!(out, "≤ + {}", Number(*above)),
        }
    }
}

/// Three digits that count, and no more than the measurement has.
struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(value) = self;
        match value.abs() {
            size if size >= 100.0 => write!(out, "{value:.0}"),
            size if size >= 10.0 => write!(out, "{value:.1}"),
            _ => write!(out, "{value:.2}"),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["figure", "value", "goal", "", "beside"].map(str::to_owned);
        let rows: Vec<[String; 5]> =
            std::iter::once(head).chain(self.figures.iter().map(|one| self.row(one))).collect();
        let width = |column: usize| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        for [name, value, goal, met, beside] in &rows {
            let line = format!(
                "{name:a$}  {value:>b$}  {goal:>c$}  {met:d$}  {beside}",
                a = width(0),
                b = width(1),
                c = width(2),
                d = width(3)
            );
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

impl Report {
    fn row(&self, figure: &Figure) -> [String; 5] {
        let yardstick = self.yardstick(figure);
        let met = figure.goal.and_then(|goal| goal.is_met(figure.value, yardstick.map(|other| other.value)));
        [
            figure.name.clone(),
            format!("{} {}", Number(figure.value), figure.unit),
            figure.goal.map(|goal| goal.to_string()).unwrap_or_default(),
            met.map(|met| if met { "met" } else { "missed" }.to_owned()).unwrap_or_default(),
            yardstick
                .map(|other| format!("{}: {} {}", other.name, Number(other.value), other.unit))
                .unwrap_or_default(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = r#"{"figures": [
        {"name": "empty window", "value": 260, "unit": "MB"},
        {"name": "window", "value": 330, "unit": "MB", "goal": {"at_most_above": 60}, "beside": "empty window"},
        {"name": "accepted", "value": 6100.4, "unit": "/s", "goal": {"at_least": 6000}}
    ]}"#;

    #[test]
    fn the_table_sets_each_figure_beside_its_goal_and_its_yardstick() {
        let report: Report = serde_json::from_str(PRINTED).unwrap();
        let table = report.to_string();
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines[2], "window         330 MB  ≤ + 60.0  missed  empty window: 260 MB");
        assert_eq!(lines[3], "accepted      6100 /s    ≥ 6000  met");
    }

    #[test]
    fn a_goal_without_its_yardstick_is_neither_met_nor_missed() {
        assert_eq!(Goal::Times(1.4).is_met(10.0, None), None);
        assert_eq!(Goal::Times(1.4).is_met(10.0, Some(8.0)), Some(true));
        assert_eq!(Goal::Most(25.0).is_met(25.1, None), Some(false));
    }
}
