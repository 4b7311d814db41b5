//! Columns for people.

/// Rows below their heads, each column as wide as its widest cell, the last one as it comes. What is not printable, in
/// texts that came from outside, is escaped.
pub(super) fn table<const N: usize>(heads: [&str; N], rows: &[[String; N]]) -> String {
    let clean =
        |cell: &str| -> String { cell.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect() };
    let rows: Vec<[String; N]> = rows.iter().map(|row| row.each_ref().map(|cell| clean(cell))).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).chain([heads[column].len()]).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |cells: &[String; N]| {
        let padded: Vec<_> = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let heads = heads.map(str::to_owned);
    std::iter::once(line(&heads)).chain(rows.iter().map(line)).collect::<Vec<_>>().join("\n")
}

pub(super) fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_their_heads_and_control_characters_do_nothing() {
        let rows = [["1".to_owned(), "a\u{1b}[2Jb".to_owned()], ["234".to_owned(), "é".to_owned()]];
        assert_eq!(table(["id", "text"], &rows), "id   text\n1    a\\u{1b}[2Jb\n234  é");
    }
}
