//! The page `index.html`: one file without any other, made of all reports in a directory.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::{Document, OutputError, TableEntry};
use crate::experiment::{Experiment, Part, Value, Verdict};
use crate::files::{FileError, write_whole};
use crate::words::{tabular, visible};

const STYLE: &str = include_str!("page.css");

/// The most rows of a table that the page shows; the rest is in the report.
const ROWS_SHOWN: usize = 60;

/// Longest report or figure that is read, bytes.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Writes the page of all reports of known experiments that lie under `out`. Whatever else lies
/// there is left out: directories may come from strangers.
///
/// # Errors
/// Where a report cannot be read or is not what its place says, or the page cannot be written.
pub fn write(out: &Path, known: &[&Experiment]) -> Result<(), OutputError> {
    let documents = documents(out, known)?;
    let mut page = String::new();
    render(&mut page, out, &documents)?;
    Ok(write_whole(&out.join("index.html"), page.as_bytes())?)
}

/// A report with the part of the page to which its experiment belongs.
type Known<'a> = (&'a Part, Document);

/// The reports of known experiments, in the order of the page.
fn documents<'a>(out: &Path, known: &[&'a Experiment]) -> Result<Vec<Known<'a>>, OutputError> {
    fs::create_dir_all(out).map_err(FileError::on("make", out))?;
    let mut found = Vec::new();
    for experiment in known {
        let path = out.join(experiment.name).join("report.json");
        if !path.is_file() {
            continue;
        }
        let refuse = |reason: String| OutputError::Report { path: path.clone(), reason };
        let document: Document =
            serde_json::from_slice(&read(&path)?).map_err(|error| refuse(error.to_string()))?;
        if document.experiment != experiment.name {
            let (named, name) = (&document.experiment, experiment.name);
            return Err(refuse(format!("it is of `{named}` and lies in the place of `{name}`")));
        }
        // Names become names of files beside the report.
        let plain = |name: &str| {
            let letter = |sign: char| sign.is_ascii_alphanumeric() || sign == '-' || sign == '_';
            !name.is_empty() && name.chars().all(letter)
        };
        if let Some(figure) = document.figures.iter().find(|figure| !plain(&figure.name)) {
            return Err(refuse(format!("`{}` is not the name of a figure", figure.name)));
        }
        found.push((experiment.part, document));
    }
    Ok(found)
}

fn read(path: &Path) -> Result<Vec<u8>, OutputError> {
    let length = fs::metadata(path).map_err(FileError::on("read", path))?.len();
    if length > FILE_BYTES_MAX {
        let reason = format!("it has {length} bytes, at most {FILE_BYTES_MAX} are read");
        return Err(OutputError::Report { path: path.to_path_buf(), reason });
    }
    Ok(fs::read(path).map_err(FileError::on("read", path))?)
}

fn render(page: &mut String, out: &Path, documents: &[Known]) -> Result<(), OutputError> {
    let count = |verdict| {
        let findings = documents.iter().flat_map(|(_, document)| &document.findings);
        findings.filter(|finding| finding.verdict == verdict).count()
    };
    add(
        page,
        format_args!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta \
             name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Muster: \
             the mechanisms, measured</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
             <header>\n<h1>The mechanisms, measured</h1>\n<p>What the papers claim beside what \
             Muster {version} measured. Every number below can be repeated with the command that \
             stands beside it; the same seed gives the same digits.</p>\n<p class=\"counts\"><span \
             class=\"agrees\">{agrees} agree</span> <span class=\"differs\">{differs} \
             differ</span> <span class=\"answered\">{answered} open questions \
             answered</span></p>\n</header>\n",
            version = escape(env!("CARGO_PKG_VERSION")),
            agrees = count(Verdict::Agrees),
            differs = count(Verdict::Differs),
            answered = count(Verdict::Answered),
        ),
    );
    contents(page, documents);
    for (Part { heading, about, .. }, members) in parts(documents) {
        add(page, format_args!("<h2 class=\"part\">{heading}</h2>\n<p>{about}</p>\n"));
        for document in members {
            section(page, out, document)?;
        }
    }
    page.push_str("</main>\n</body>\n</html>\n");
    Ok(())
}

/// Adds text; a `String` takes everything.
fn add(page: &mut String, text: std::fmt::Arguments) {
    page.write_fmt(text).expect("a string takes everything");
}

/// Reports by part, in the order of the page.
fn parts<'a>(documents: &'a [Known]) -> Vec<(&'a Part, Vec<&'a Document>)> {
    let mut parts: Vec<(&Part, Vec<&Document>)> = Vec::new();
    for (part, document) in documents {
        match parts.last_mut() {
            Some((last, members)) if last == part => members.push(document),
            _ => parts.push((part, vec![document])),
        }
    }
    parts
}

fn contents(page: &mut String, documents: &[Known]) {
    page.push_str("<nav>\n<h2>Contents</h2>\n");
    for (Part { heading, .. }, members) in parts(documents) {
        add(page, format_args!("<h3>{heading}</h3>\n"));
        page.push_str("<ul>\n");
        for document in members {
            let (name, title) = (escape(&document.experiment), escape(&document.title));
            add(page, format_args!("<li><a href=\"#{name}\">{title}</a>"));
            if document.skipped.is_some() {
                page.push_str(" <span class=\"skipped\">not run</span>");
            }
            for finding in &document.findings {
                let word = word(finding.verdict);
                let mark = mark(finding.verdict);
                add(page, format_args!(" <span class=\"{word}\" title=\"{word}\">{mark}</span>"));
            }
            page.push_str("</li>\n");
        }
        page.push_str("</ul>\n");
    }
    page.push_str("</nav>\n");
}

fn section(page: &mut String, out: &Path, document: &Document) -> Result<(), OutputError> {
    let (name, title) = (escape(&document.experiment), escape(&document.title));
    let source = prose(&document.source);
    add(
        page,
        format_args!(
            "<section id=\"{name}\">\n<h2>{title}</h2>\n<p class=\"source\">{source}</p>\n"
        ),
    );
    if let Some(reason) = &document.skipped {
        add(page, format_args!("<p class=\"skipped\">Not run: {}.</p>\n", escape(reason)));
    } else {
        findings(page, document);
        figures(page, out, document)?;
        for entry in &document.tables {
            table(page, entry);
        }
    }
    footer(page, document);
    page.push_str("</section>\n");
    Ok(())
}

fn findings(page: &mut String, document: &Document) {
    if document.findings.is_empty() {
        return;
    }
    page.push_str(
        "<table class=\"findings\">\n<thead><tr><th>Claim or question</th><th>Measured</th><th>\
         Verdict</th></tr></thead>\n<tbody>\n",
    );
    for finding in &document.findings {
        let (claim, measured) = (prose(&finding.claim), prose(&finding.measured));
        let (word, mark) = (word(finding.verdict), mark(finding.verdict));
        add(
            page,
            format_args!(
                "<tr><td data-label=\"Claim or question\">{claim}</td><td data-label=\"Measured\">\
                 {measured}</td><td data-label=\"Verdict\" class=\"{word}\">{mark} {word}</td>\
                 </tr>\n"
            ),
        );
    }
    page.push_str("</tbody>\n</table>\n");
}

/// Figures as images within the page: whatever a drawing holds, nothing in it is run or fetched.
/// For the same reason the drawing's own file is named and not linked.
fn figures(page: &mut String, out: &Path, document: &Document) -> Result<(), OutputError> {
    let name = &document.experiment;
    for figure in &document.figures {
        let path = out.join(name).join(format!("{}.svg", figure.name));
        let svg = in_address(&read(&path)?);
        let (file, caption) = (&figure.name, prose(&figure.caption));
        let words = escape(&figure.caption);
        add(
            page,
            format_args!(
                "<figure>\n<div class=\"drawing\"><img alt=\"{words}\" \
                 src=\"data:image/svg+xml,{svg}\"></div>\n<figcaption>{caption} <a \
                 href=\"{name}/{file}.png\">PNG</a> <code>{name}/{file}.svg</code></figcaption>\n\
                 </figure>\n"
            ),
        );
    }
    Ok(())
}

/// Bytes in an address (RFC 3986): what stands for itself stays, the rest is two digits.
fn in_address(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 3 / 2);
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~/:=,;()".contains(&byte) {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").expect("a string takes everything");
        }
    }
    text
}

fn table(page: &mut String, entry: &TableEntry) {
    let table = &entry.table;
    let caption = prose(&entry.caption);
    add(
        page,
        format_args!(
            "<div class=\"wide\"><table class=\"data\">\n<caption>{caption}</caption>\n<thead><tr>"
        ),
    );
    for column in &table.columns {
        add(page, format_args!("<th>{}</th>", escape(column)));
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for row in table.rows.iter().take(ROWS_SHOWN) {
        page.push_str("<tr>");
        for value in row {
            match value {
                Value::Number(number) => {
                    add(page, format_args!("<td class=\"number\">{}</td>", tabular(*number)));
                }
                Value::Text(text) => add(page, format_args!("<td>{}</td>", escape(text))),
                Value::Absent => page.push_str("<td class=\"number\">–</td>"),
            }
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody>\n</table></div>\n");
    if table.rows.len() > ROWS_SHOWN {
        let all = table.rows.len();
        add(
            page,
            format_args!("<p>The first {ROWS_SHOWN} of {all} rows; all are in report.json.</p>\n"),
        );
    }
}

fn footer(page: &mut String, document: &Document) {
    let name = escape(&document.experiment);
    add(
        page,
        format_args!(
            "<p class=\"repeat\"><code>{}</code></p>\n<p class=\"facts\">",
            escape(&document.command())
        ),
    );
    if document.skipped.is_none() {
        add(
            page,
            format_args!(
                "Data: <a href=\"{name}/data.csv\">CSV</a> <a href=\"{name}/data.json\">JSON</a> \
                 <a href=\"{name}/report.json\">report</a> · "
            ),
        );
        let cells = match document.cells {
            1 => "one cell".to_owned(),
            count => format!("{count} cells"),
        };
        add(page, format_args!("scale {}, {cells} · ", document.scale.name()));
    }
    add(
        page,
        format_args!(
            "seed {} · Muster {} (sources {})</p>\n",
            document.seed,
            escape(&document.version),
            escape(&document.sources)
        ),
    );
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Agrees => "agrees",
        Verdict::Differs => "differs",
        Verdict::Answered => "answered",
    }
}

/// A sign beside the word, for those who do not see its colour.
fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Agrees => "✓",
        Verdict::Differs => "≠",
        Verdict::Answered => "◆",
    }
}

/// Text for HTML, also between quotes; what is not seen as itself is shown as U+FFFD.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in visible(text).chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Sentences for HTML: what stands between two backticks is code.
fn prose(text: &str) -> String {
    let escaped = escape(text);
    let mut parts = escaped.split('`').peekable();
    let mut written = String::with_capacity(escaped.len());
    let mut code = false;
    while let Some(part) = parts.next() {
        written.push_str(match (code, parts.peek().is_some()) {
            (true, true) => "<code>",
            // The last backtick of an odd number is one.
            (true, false) => "`",
            (false, _) => "",
        });
        written.push_str(part);
        if code && parts.peek().is_some() {
            written.push_str("</code>");
        }
        code = !code;
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_of_html_are_escaped() {
        assert_eq!(escape("a < b & \"c\""), "a &lt; b &amp; &quot;c&quot;");
    }

    #[test]
    fn names_between_backticks_are_code() {
        for (text, written) in [
            ("under `a < b`: 1", "under <code>a &lt; b</code>: 1"),
            ("`a``b`", "<code>a</code><code>b</code>"),
            ("one ` alone", "one ` alone"),
            ("`a` and ` alone", "<code>a</code> and ` alone"),
            ("none", "none"),
        ] {
            assert_eq!(prose(text), written);
        }
    }
}
