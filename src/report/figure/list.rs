//! The list of figures. A new one is a file beside this one and an entry of [`FIGURES`], which the report's folder and the page use.

use super::{Figure, clicks, comparison, curves, distribution, histogram, ranking, reliability, roc, scatter, search};
use crate::evaluate::Trial;
use crate::report::search::Search;
use crate::report::{Report, ReportError};

/// A kind of figure.
pub struct Kind {
    /// File name without extension; a number is appended if the figure is drawn several times.
    name: &'static str,
    /// Its section of the page.
    section: Section,
    /// Caption, also used as the accessible label; `{}` is replaced by the run or classifier.
    caption: &'static str,
    /// What it shows, which determines when it is drawn.
    shows: Shows,
}

/// What a figure shows.
enum Shows {
    /// The best trial; drawn if it has scores.
    BestTrial(fn(&Report, &Trial) -> Result<Figure, ReportError>),
    /// The best trial, where it has what the figure shows.
    Perhaps(fn(&Report, &Trial) -> Result<Option<Figure>, ReportError>),
    /// All runs, where there are several.
    Runs(fn(&Report) -> Result<Option<Figure>, ReportError>),
    /// A search, where it has what the figure shows.
    Search(fn(&Report, &Search) -> Result<Option<Figure>, ReportError>),
    /// All trials; drawn if there are several.
    Trials(fn(&Report) -> Result<Figure, ReportError>),
    /// Each of several runs or classifiers.
    Each(fn(&Report) -> Result<Vec<Part>, ReportError>),
}

/// A figure of one run or classifier.
pub struct Part {
    /// Appended to the figure's name.
    pub number: usize,
    /// Name of the run or classifier.
    pub of: String,
    /// The chart.
    pub figure: Figure,
}

/// A section of the page with figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// The values of a search; two figures side by side.
    Course,
    /// The settings of a search.
    Search,
    /// Structures from best to worst.
    Ranking,
    /// Scores per structure.
    Structures,
    /// Cases and structures in a plane; two figures side by side.
    Plane,
    /// Comparison of trials.
    Comparison,
    /// Scores after clicks.
    Clicks,
    /// Slice classifiers.
    Classifiers,
    /// Training over epochs.
    Training,
}

/// Every figure, in the order of the page.
pub const FIGURES: &[Kind] = &[
    Kind {
        name: "search-history",
        section: Section::Course,
        caption: "Objective of every trial, in the order in which they began.",
        shows: Shows::Search(search::draw_history),
    },
    Kind {
        name: "search-front",
        section: Section::Course,
        caption: "Both objectives of every trial (Pareto front).",
        shows: Shows::Search(search::draw_front),
    },
    Kind {
        name: "search-importance",
        section: Section::Search,
        caption: "Importance of the settings (PED-ANOVA).",
        shows: Shows::Search(search::draw_importance),
    },
    Kind {
        name: "search-settings",
        section: Section::Search,
        caption: "Settings and objective of every trial (parallel coordinates).",
        shows: Shows::Search(search::draw_coordinates),
    },
    Kind {
        name: "ranking",
        section: Section::Ranking,
        caption: "Mean Dice and IoU of every structure, sorted by Dice.",
        shows: Shows::BestTrial(ranking::draw),
    },
    Kind {
        name: "distribution",
        section: Section::Structures,
        caption: "Distribution of Dice and IoU over cases, per structure.",
        shows: Shows::BestTrial(distribution::draw),
    },
    Kind {
        name: "dice-volume",
        section: Section::Plane,
        caption: "Dice against the volume of the reference, per case and structure.",
        shows: Shows::Perhaps(scatter::draw_volume),
    },
    Kind {
        name: "volume-agreement",
        section: Section::Plane,
        caption: "Agreement of predicted and reference volumes (Bland–Altman).",
        shows: Shows::Perhaps(scatter::draw_agreement),
    },
    Kind {
        name: "dice-histogram",
        section: Section::Plane,
        caption: "Histogram of Dice over cases and structures.",
        shows: Shows::BestTrial(histogram::draw),
    },
    Kind {
        name: "dice-iou",
        section: Section::Plane,
        caption: "Dice against IoU, per case and structure.",
        shows: Shows::BestTrial(scatter::draw),
    },
    Kind {
        name: "reliability",
        section: Section::Structures,
        caption: "Reliability of the predicted probabilities (before post-processing), voxels of all test cases pooled.",
        shows: Shows::Perhaps(reliability::draw),
    },
    Kind {
        name: "clicks",
        section: Section::Clicks,
        caption: "Mean Dice after simulated clicks, per structure.",
        shows: Shows::Perhaps(clicks::draw),
    },
    Kind {
        name: "comparison",
        section: Section::Comparison,
        caption: "Mean Dice and IoU of every trial.",
        shows: Shows::Trials(comparison::draw_overall),
    },
    Kind {
        name: "comparison-structures",
        section: Section::Comparison,
        caption: "Mean Dice and IoU per structure and trial.",
        shows: Shows::Trials(comparison::draw_structures),
    },
    Kind {
        name: "training-all",
        section: Section::Training,
        caption: "Loss and validation Dice of all runs.",
        shows: Shows::Runs(curves::draw_all),
    },
    Kind { name: "training", section: Section::Training, caption: "{}", shows: Shows::Each(curves::draw_runs) },
    Kind {
        name: "roc",
        section: Section::Classifiers,
        caption: "ROC curves of {}; dots: at the threshold.",
        shows: Shows::Each(roc::draw),
    },
    Kind {
        name: "training-classifier",
        section: Section::Training,
        caption: "{}",
        shows: Shows::Each(curves::draw_classifiers),
    },
];

/// A figure with its place in the page.
#[derive(Clone, Debug)]
pub struct NamedFigure {
    /// File name without extension.
    pub name: String,
    /// Its section of the page.
    pub section: Section,
    /// Caption, also used as the accessible label.
    pub caption: String,
    /// The chart.
    pub figure: Figure,
}

/// Draws every figure that applies, in the order of the page.
///
/// # Errors
/// A table lacks what a figure shows, or the drawing library fails.
pub fn figures(report: &Report) -> Result<Vec<NamedFigure>, ReportError> {
    let mut figures = Vec::new();
    for kind in FIGURES {
        let once = |figure: Figure| vec![(kind.name.to_owned(), kind.caption.to_owned(), figure)];
        let best = report.trials.best().filter(|trial| trial.summary.structures.height() > 0);
        let drawn = match (&kind.shows, best) {
            (Shows::BestTrial(draw), Some(best)) => once(draw(report, best)?),
            (Shows::Perhaps(draw), Some(best)) => draw(report, best)?.map(once).unwrap_or_default(),
            (Shows::Search(draw), _) => {
                let search = report.input.search.as_ref().map(|search| draw(report, search)).transpose()?;
                search.flatten().map(once).unwrap_or_default()
            }
            (Shows::Runs(draw), _) => draw(report)?.map(once).unwrap_or_default(),
            (Shows::Trials(draw), _) if report.trials.all.len() > 1 => once(draw(report)?),
            (Shows::Each(draw), _) => draw(report)?.into_iter().map(|part| numbered(kind, part)).collect(),
            _ => Vec::new(),
        };
        let section = kind.section;
        figures.extend(drawn.into_iter().map(|(name, caption, figure)| NamedFigure { name, section, caption, figure }));
    }
    Ok(figures)
}

fn numbered(kind: &Kind, part: Part) -> (String, String, Figure) {
    (format!("{}-{}", kind.name, part.number), kind.caption.replace("{}", &part.of), part.figure)
}

/// Title of a figure of one trial, which is named if there are several.
pub(super) fn titled(report: &Report, trial: &Trial, what: &str) -> String {
    if report.trials.all.len() > 1 { format!("{what}, trial {}", trial.name()) } else { what.to_owned() }
}
