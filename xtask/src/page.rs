//! Pages of which a measurement writes its own section.

use std::fs;
use std::path::Path;

use anyhow::Context as _;

/// Puts `text` between the marks of `section` in the page at `path`.
///
/// # Errors
/// If the page or its marks are not there.
pub(crate) fn write_section(path: &Path, section: &str, text: &str) -> anyhow::Result<()> {
    let shown = path.display();
    let page = fs::read_to_string(path).with_context(|| format!("{shown}: found no such page"))?;
    let next = replaced(&page, section, text)
        .with_context(|| format!("{shown}: found no marks of {section}, expected both"))?;
    fs::write(path, next).with_context(|| format!("{shown}: cannot be written"))
}

fn replaced(page: &str, section: &str, text: &str) -> Option<String> {
    let begin = format!("<!-- {section}: begin -->\n");
    let end = format!("<!-- {section}: end -->");
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}{text}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_marks_changes() {
        let page = "a\n<!-- x: begin -->\nold\n<!-- x: end -->\nb\n";
        let next = replaced(page, "x", "new\n").unwrap();
        assert_eq!(next, "a\n<!-- x: begin -->\nnew\n<!-- x: end -->\nb\n");
        assert_eq!(replaced(page, "y", "new\n"), None);
    }
}
