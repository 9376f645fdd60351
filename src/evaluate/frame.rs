//! Polars helpers of the tables: columns, groups, joins and rows.
//!
//! Groups and joins use Polars' eager API. Aggregates of a group's values are our own, on slices: Polars' aggregates need its query
//! engine, which we do not include, and sums must always add in the same order.

use polars::prelude::*;

use super::metric::MetricId;
use super::summary::Statistics;
use super::table::TableError;

/// A column of values.
pub fn column<T, V: ?Sized>(name: &str, values: impl IntoIterator<Item = T>) -> Column
where
    Vec<T>: AsRef<V>,
    Series: NamedFrom<Vec<T>, V>,
{
    Series::new(name.into(), values.into_iter().collect::<Vec<T>>()).into()
}

/// A frame of columns of equal length.
///
/// # Errors
/// [`TableError::Malformed`] if lengths differ or names repeat.
pub fn frame(height: usize, columns: Vec<Column>) -> Result<DataFrame, TableError> {
    DataFrame::new(height, columns).map_err(TableError::malformed)
}

/// Concatenates the rows of frames with the same columns; `None` for no frames.
///
/// # Errors
/// [`TableError::Malformed`] if columns differ.
pub fn stack(frames: impl IntoIterator<Item = DataFrame>) -> Result<Option<DataFrame>, TableError> {
    let mut frames = frames.into_iter();
    let Some(mut all) = frames.next() else { return Ok(None) };
    for frame in frames {
        all.vstack_mut(&frame).map_err(TableError::malformed)?;
    }
    all.rechunk_mut();
    Ok(Some(all))
}

/// Left join: the rows of the left frame in their order, each with the columns of the right frame's row with the same keys.
///
/// # Errors
/// [`TableError::Malformed`] if a key is missing or of another type.
pub fn join(left: &DataFrame, right: &DataFrame, keys: &[&str]) -> Result<DataFrame, TableError> {
    let arguments = JoinArgs { maintain_order: MaintainOrderJoin::Left, ..JoinArgs::new(JoinType::Left) };
    left.join(right, keys, keys, arguments, None).map_err(TableError::malformed)
}

/// Sorts rows by some columns, stably, with nulls last.
///
/// # Errors
/// [`TableError::Malformed`] if a column is missing.
pub fn sort(frame: &DataFrame, by: &[&str]) -> Result<DataFrame, TableError> {
    let options = SortMultipleOptions::default().with_maintain_order(true).with_nulls_last(true);
    frame.sort(by, options).map_err(TableError::malformed)
}

/// The rows of a frame grouped by some columns. Groups are ordered by their first rows; rows keep their order.
pub struct Groups<'a> {
    frame: &'a DataFrame,
    keys: Vec<Column>,
    /// Row indices of each group.
    rows: Vec<Vec<IdxSize>>,
}

impl<'a> Groups<'a> {
    /// Groups the rows of a frame.
    ///
    /// # Errors
    /// [`TableError::Malformed`] if a key is missing.
    pub fn by(frame: &'a DataFrame, keys: &[&str]) -> Result<Self, TableError> {
        let groups = frame.group_by_stable(keys).map_err(TableError::malformed)?;
        let numbers = |group| match group {
            GroupsIndicator::Idx((_, rows)) => rows.to_vec(),
            GroupsIndicator::Slice([first, length]) => (first..first + length).collect(),
        };
        let rows = groups.get_groups().iter().map(numbers).collect();
        Ok(Self { frame, keys: groups.keys(), rows })
    }

    /// The key columns, one row per group.
    pub fn keys(&self) -> Vec<Column> {
        self.keys.clone()
    }

    /// Number of groups.
    pub fn count(&self) -> usize {
        self.rows.len()
    }

    /// Number of rows in each group.
    pub fn sizes(&self) -> impl Iterator<Item = usize> {
        self.rows.iter().map(Vec::len)
    }

    /// The group of each row of the frame.
    pub fn of_rows(&self) -> Vec<usize> {
        let mut groups = vec![0; self.frame.height()];
        for (group, rows) in self.rows.iter().enumerate() {
            rows.iter().for_each(|row| groups[*row as usize] = group);
        }
        groups
    }

    /// Applies a function to each group's defined values in a column.
    ///
    /// # Errors
    /// [`TableError::Malformed`] if the column is missing or not of floating-point numbers.
    pub fn each<T>(&self, column: &str, of: impl Fn(&[f64]) -> T) -> Result<Vec<T>, TableError> {
        let values = numbers(self.frame, column)?;
        let mut defined = Vec::new();
        let group = |rows: &Vec<IdxSize>| {
            defined.clear();
            defined.extend(rows.iter().filter_map(|row| values[*row as usize]));
            of(&defined)
        };
        Ok(self.rows.iter().map(group).collect())
    }

    /// Sums of a column of counts, per group.
    ///
    /// # Errors
    /// [`TableError::Malformed`] if the column is missing or not of counts.
    pub fn sums(&self, column: &str) -> Result<Vec<u64>, TableError> {
        let counts = self.frame.column(column).and_then(|column| column.u64()).map_err(TableError::malformed)?;
        let counts: Vec<u64> = counts.iter().map(Option::unwrap_or_default).collect();
        Ok(self.rows.iter().map(|rows| rows.iter().map(|row| counts[*row as usize]).sum()).collect())
    }
}

/// A column of floating-point numbers.
///
/// # Errors
/// [`TableError::Malformed`] if the column is missing or of another type.
pub fn numbers(frame: &DataFrame, column: &str) -> Result<Vec<Option<f64>>, TableError> {
    let values = frame.column(column).and_then(|column| column.f64()).map_err(TableError::malformed)?;
    Ok(values.iter().collect())
}

/// Arithmetic mean, summed in the order of the values; `None` for no values.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The rows of a frame.
pub fn rows(frame: &DataFrame) -> impl DoubleEndedIterator<Item = Row<'_>> + ExactSizeIterator {
    (0..frame.height()).map(move |index| Row { frame, index })
}

/// One row of a table, for display. A missing column reads as an empty cell.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    frame: &'a DataFrame,
    index: usize,
}

impl<'a> Row<'a> {
    fn column(&self, name: &str) -> Option<&'a Column> {
        self.frame.column(name).ok()
    }

    /// A text; empty if undefined.
    pub fn text(&self, column: &str) -> &'a str {
        self.column(column).and_then(|column| column.str().ok()?.get(self.index)).unwrap_or_default()
    }

    /// A number.
    pub fn number(&self, column: &str) -> Option<f64> {
        self.column(column)?.f64().ok()?.get(self.index)
    }

    /// A count or another non-negative integer.
    pub fn count(&self, column: &str) -> Option<u64> {
        self.column(column)?.get(self.index).ok()?.extract()
    }

    /// A flag.
    pub fn flag(&self, column: &str) -> Option<bool> {
        self.column(column)?.bool().ok()?.get(self.index)
    }

    /// A metric's statistics, from the columns that [`super::summary`] adds to a table.
    pub fn statistics(&self, metric: MetricId) -> Option<Statistics> {
        Statistics::read(self, metric)
    }

    /// A cell as JSON.
    pub fn json(&self, column: &str) -> serde_json::Value {
        match self.column(column).and_then(|column| column.get(self.index).ok()) {
            Some(AnyValue::String(text)) => text.into(),
            // A table of one row owns its texts.
            Some(AnyValue::StringOwned(text)) => text.as_str().into(),
            Some(AnyValue::Boolean(flag)) => flag.into(),
            Some(AnyValue::Float64(number)) => number.into(),
            Some(other) => other.extract::<u64>().into(),
            None => serde_json::Value::Null,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> DataFrame {
        df!("case" => ["b", "a", "b"], "fold" => [1u32, 2, 1], "dice" => [Some(0.5), None, Some(0.25)], "n" => [1u64, 2, 4])
            .unwrap()
    }

    #[test]
    fn groups_keep_the_order_of_rows_and_skip_undefined_values() {
        let example = example();
        for keys in [&["case"][..], &["case", "fold"]] {
            let groups = Groups::by(&example, keys).unwrap();
            assert_eq!(groups.each("dice", <[f64]>::to_vec).unwrap(), [vec![0.5, 0.25], vec![]]);
            assert_eq!((groups.sums("n").unwrap(), groups.of_rows()), (vec![5, 2], vec![0, 1, 0]));
            assert_eq!(groups.keys()[0].str().unwrap().iter().collect::<Vec<_>>(), [Some("b"), Some("a")]);
        }
        assert!(Groups::by(&example, &["nowhere"]).is_err());
        assert_eq!(Groups::by(&example.clear(), &["case"]).unwrap().count(), 0);
    }

    #[test]
    fn a_join_keeps_the_left_order_and_leaves_cells_empty() {
        let right = df!("case" => ["c", "b"], "split" => ["x", "y"]).unwrap();
        let joined = join(&example(), &right, &["case"]).unwrap();
        let found: Vec<_> = rows(&joined).map(|row| (row.count("n"), row.text("split"))).collect();
        assert_eq!(found, [(Some(1), "y"), (Some(2), ""), (Some(4), "y")]);
    }

    #[test]
    fn rows_are_sorted_by_several_columns_and_nulls_come_last() {
        let frame =
            df!("a" => ["y", "x", "y", "x"], "b" => [None, Some(2u64), Some(1), Some(1)], "n" => [0u64, 1, 2, 3]);
        let sorted = sort(&frame.unwrap(), &["a", "b"]).unwrap();
        assert_eq!(rows(&sorted).filter_map(|row| row.count("n")).collect::<Vec<_>>(), [3, 1, 2, 0]);
    }

    #[test]
    fn cells_become_json() {
        let example = example();
        let row = rows(&example).nth(1).unwrap();
        let found = ["case", "fold", "dice", "n", "nowhere"].map(|column| row.json(column));
        assert_eq!(serde_json::Value::from(found.to_vec()), serde_json::json!(["a", 2, null, 2, null]));
    }

    #[test]
    fn a_table_of_one_row_keeps_its_texts() {
        let one = df!("case" => ["a"], "structure" => ["1"], "dice" => [0.5]).unwrap();
        let row = rows(&one).next().unwrap();
        let found = ["case", "structure", "dice"].map(|name| row.json(name));
        assert_eq!(serde_json::Value::from(found.to_vec()), serde_json::json!(["a", "1", 0.5]));
    }
}
