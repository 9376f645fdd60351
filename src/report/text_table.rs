//! Tables for the terminal: plain text, columns aligned.

/// Which characters a terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// Lines and ±.
    Unicode,
    /// Only ASCII.
    Ascii,
}

/// Rows below a heading.
pub struct TextTable {
    heading: Vec<String>,
    rows: Vec<Vec<String>>,
    /// A last row below a rule.
    footer: Vec<Vec<String>>,
    /// Character that rules are drawn with; none for a table without rules.
    stroke: Option<&'static str>,
}

/// Space between columns.
const GAP: &str = "  ";

impl TextTable {
    /// A table with right-aligned columns of numbers and left-aligned columns of text.
    pub fn new<'a>(heading: impl IntoIterator<Item = &'a str>) -> Self {
        let heading = heading.into_iter().map(str::to_owned).collect();
        Self { heading, rows: Vec::new(), footer: Vec::new(), stroke: None }
    }

    /// A table of scores: left-aligned names, all other columns right-aligned, a rule below the heading.
    pub fn of_scores(heading: Vec<String>, charset: Charset) -> Self {
        let stroke = if charset == Charset::Unicode { "─" } else { "-" };
        Self { heading, rows: Vec::new(), footer: Vec::new(), stroke: Some(stroke) }
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.heading.len()
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Adds a last row, separated by a rule.
    pub fn footer(&mut self, cells: impl IntoIterator<Item = String>) {
        self.footer.push(cells.into_iter().collect());
    }

    /// Characters in its longest line.
    pub fn width(&self) -> usize {
        let columns = self.heading.len();
        (0..columns).map(|column| self.column(column).width).sum::<usize>() + GAP.len() * columns.saturating_sub(1)
    }

    /// The table as text, with a newline after every line.
    pub fn render(&self) -> String {
        let columns: Vec<Column> = (0..self.heading.len()).map(|column| self.column(column)).collect();
        let width = self.width();
        let rule = self.stroke.map_or_else(String::new, |stroke| stroke.repeat(width) + "\n");
        let lines = |rows: &[Vec<String>]| rows.iter().map(|row| line(row, &columns)).collect::<String>();
        let mut text = line(&self.heading, &columns) + &rule + &lines(&self.rows);
        if !self.footer.is_empty() {
            text += if self.rows.is_empty() { "" } else { &rule };
            text += &lines(&self.footer);
        }
        text
    }

    fn column(&self, column: usize) -> Column {
        let cells = || self.rows.iter().chain(&self.footer).map(|row| row.get(column).map_or("", String::as_str));
        let right = match self.stroke {
            Some(_) => column > 0,
            None => cells().all(is_number),
        };
        let widest = cells().chain([self.heading[column].as_str()]).map(|cell| cell.chars().count()).max();
        Column { width: widest.unwrap_or(0), right }
    }
}

struct Column {
    width: usize,
    right: bool,
}

fn is_number(text: &str) -> bool {
    text.is_empty() || text == "—" || text.parse::<f64>().is_ok()
}

fn line(row: &[String], columns: &[Column]) -> String {
    let cells = columns.iter().enumerate().map(|(place, Column { width, right })| {
        let cell = row.get(place).map_or("", String::as_str);
        if *right { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
    });
    cells.collect::<Vec<_>>().join(GAP).trim_end().to_owned() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_left_aligned_and_numbers_right_aligned() {
        let mut table = TextTable::new(["case", "dice", "note"]);
        table.row(["a".into(), "0.5".into(), "é".into()]);
        table.row(["long".into(), "10".into(), String::new()]);
        assert_eq!(table.render(), "case  dice  note\na      0.5  é\nlong    10\n");
    }

    #[test]
    fn scores_are_right_aligned_between_rules() {
        let mut table = TextTable::of_scores(vec!["structure".into(), "Dice".into()], Charset::Ascii);
        table.row(["liver".into(), "0.9 +- 0.1".into()]);
        table.footer(["mean".into(), "n/a".into()]);
        let rule = "---------------------";
        let expected = ["structure        Dice", rule, "liver      0.9 +- 0.1", rule, "mean              n/a"];
        assert_eq!(table.render().lines().collect::<Vec<_>>(), expected);
    }
}
