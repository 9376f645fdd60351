//! Tables for the terminal: plain text, columns aligned.

/// Rows under a heading. Numbers stand right, words left.
pub struct Table {
    heading: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// Space between columns.
const GAP: &str = "  ";

impl Table {
    pub fn new<'a>(heading: impl IntoIterator<Item = &'a str>) -> Self {
        Self { heading: heading.into_iter().map(str::to_owned).collect(), rows: Vec::new() }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table as text, every line ended.
    pub fn render(&self) -> String {
        let columns = self.heading.len();
        let cell = |row: &Vec<String>, column: usize| row.get(column).cloned().unwrap_or_default();
        let all = || std::iter::once(&self.heading).chain(&self.rows);
        let width = |column| all().map(|row| cell(row, column).chars().count()).max().unwrap_or(0);
        let is_number = |text: &str| text.is_empty() || text == "—" || text.parse::<f64>().is_ok();
        let mut text = String::new();
        for row in all() {
            let mut line = Vec::with_capacity(columns);
            for column in 0..columns {
                let (content, width) = (cell(row, column), width(column));
                let right = self.rows.iter().all(|row| is_number(&cell(row, column)));
                line.push(if right { format!("{content:>width$}") } else { format!("{content:<width$}") });
            }
            text.push_str(line.join(GAP).trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_left_and_numbers_right() {
        let mut table = Table::new(["case", "dice", "note"]);
        table.row(["a".into(), "0.5".into(), "é".into()]);
        table.row(["long".into(), "10".into(), String::new()]);
        assert_eq!(table.render(), "case  dice  note\na      0.5  é\nlong    10\n");
    }
}
