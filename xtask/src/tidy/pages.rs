//! Links that lead nowhere, words that say a thing is unfinished, and paths of somebody's machine.

use std::path::Path;

use super::complaint::{Complaint, Source};

/// Checks the links of a page.
pub fn check_links(root: &Path, source: &Source, complaints: &mut Vec<Complaint>) {
    let page = root.join(&source.name);
    let folder = page.parent().unwrap_or(root);
    for piece in source.text.split("](").skip(1) {
        let target = piece.split([')', '#', ' ']).next().unwrap_or_default();
        let outside = target.contains("://") || target.starts_with("mailto:");
        if !target.is_empty() && !outside && !folder.join(target).exists() {
            complaints.push(Complaint {
                rule: "link",
                path: source.name.clone(),
                text: format!("links to `{target}`, which is not there"),
            });
        }
    }
}

/// Checks the words of any file.
pub fn check_words(source: &Source, complaints: &mut Vec<Complaint>) {
    let words = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("X", "XX"),
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("/t", "mp/"),
    ];
    let unread = ["package-lock.json", ".txt", ".svg"];
    if unread.iter().any(|ending| source.name.ends_with(ending)) {
        return;
    }
    for (index, line) in source.text.lines().enumerate() {
        for word in words {
            if line.contains(word) {
                complaints.push(Complaint {
                    rule: "word",
                    path: source.name.clone(),
                    text: format!("line {}: `{word}`", index + 1),
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::complaint::Source;
    use super::{check_links, check_words};

    #[test]
    fn links_must_lead_somewhere() {
        let mut complaints = Vec::new();
        let text = "[a](xtask) [b](nowhere.md) [c](https://x.y)".into();
        let page = Source { name: "README.md".into(), text };
        check_links(&crate::place::root(), &page, &mut complaints);
        assert_eq!(complaints.len(), 1);
        assert!(complaints[0].text.contains("nowhere.md"));
    }

    #[test]
    fn unfinished_words_are_found() {
        let mut complaints = Vec::new();
        let text = format!("// {}: more\nfine\n", concat!("TO", "DO"));
        check_words(&Source { name: "a.rs".into(), text: text.clone() }, &mut complaints);
        check_words(&Source { name: "a.svg".into(), text }, &mut complaints);
        assert_eq!(complaints.len(), 1);
    }
}
