//! HTML building blocks of the sections.

/// Text that is safe inside an element or an attribute.
pub(in crate::report) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // Control characters are not allowed in HTML.
            control if control.is_control() && !matches!(control, '\n' | '\t') => safe.push('\u{FFFD}'),
            other => safe.push(other),
        }
    }
    safe
}

/// A section's heading with its anchor.
pub(super) fn heading(title: &str) -> String {
    format!("<h2 id=\"{}\">{}</h2>\n", anchor(title), escape(title))
}

/// A link to a section.
pub(super) fn link(title: &str) -> String {
    format!("<a href=\"#{}\">{}</a>\n", anchor(title), escape(title))
}

fn anchor(title: &str) -> String {
    let dashed: String =
        title.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    dashed.split('-').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}

/// One cell: HTML content and CSS class.
pub(super) struct Cell {
    html: String,
    class: &'static str,
}

impl Cell {
    /// A number or another short value, aligned to the right.
    pub(super) fn value(text: impl ToString) -> Self {
        Self { html: escape(&text.to_string()), class: "" }
    }

    /// A name, aligned to the left.
    pub(super) fn text(text: &str) -> Self {
        Self { html: escape(text), class: "text" }
    }

    /// A longer text that may take several lines.
    pub(super) fn wrapped(text: &str) -> Self {
        Self { html: escape(text), class: "wrap" }
    }

    /// A name with its colour.
    pub(super) fn colored(text: &str, [red, green, blue]: [u8; 3]) -> Self {
        let swatch = format!("<span class=\"swatch\" style=\"background:#{red:02x}{green:02x}{blue:02x}\"></span>");
        Self { html: swatch + &escape(text), class: "text" }
    }

    /// A number with three decimals, or `n/a`.
    pub(super) fn number(value: Option<f64>) -> Self {
        match value {
            Some(value) => Self::value(format!("{value:.3}")),
            None => Self { html: "n/a".to_owned(), class: "na" },
        }
    }

    /// An interval, or `n/a`.
    pub(super) fn interval(value: Option<[f64; 2]>) -> Self {
        match value {
            Some([low, high]) => Self::value(format!("{low:.3}–{high:.3}")),
            None => Self::number(None),
        }
    }
}

/// A cell with a link to a file beside the page.
pub(super) fn link_cell(target: &str, text: &str) -> Cell {
    Cell { html: format!("<a href=\"{}\">{}</a>", escape(target), escape(text)), class: "" }
}

/// A table that scrolls in its own frame; a flagged row is the mean and stays at the end.
pub(super) fn table(header: &[String], rows: &[(bool, Vec<Cell>)]) -> String {
    let class = |column: usize| rows.first().and_then(|(_, cells)| cells.get(column)).map_or("", |cell| cell.class);
    // Keys of settings may be broken at their dots.
    let broken = |name: &str| escape(name).replace('.', ".<wbr>");
    let heading = |(column, name): (usize, &String)| match class(column) {
        "text" | "wrap" => format!("<th scope=\"col\" class=\"text\">{}</th>", broken(name)),
        _ => format!("<th scope=\"col\">{}</th>", escape(name)),
    };
    let head: String = header.iter().enumerate().map(heading).collect();
    let cell = |cell: &Cell| match cell.class {
        "" => format!("<td>{}</td>", cell.html),
        class => format!("<td class=\"{class}\">{}</td>", cell.html),
    };
    let row = |(mean, cells): &(bool, Vec<Cell>)| {
        let class = if *mean { " class=\"mean\"" } else { "" };
        format!("<tr{class}>{}</tr>\n", cells.iter().map(cell).collect::<String>())
    };
    let body: String = rows.iter().map(row).collect();
    format!(
        "<div class=\"scroll\">\n<table class=\"sortable\">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n\
         </table>\n</div>\n"
    )
}
