use std::fs;
use std::process::Command;

use super::*;
use crate::evaluate::rank::tests::synthetic;
use crate::report::text_table::Charset;

/// Names that Markdown, LaTeX and HTML would read as markup.
fn nasty() -> Ranking {
    let mut ranking = synthetic(4, 3, 12);
    let names = [
        "lr=0.1_a & 50% {x}",
        "<b>#2</b> ~ ^ \\ $",
        "Größe × 3 | … → 学",
        "a very long name of a trial with many settings=1",
    ];
    for board in &mut ranking.boards {
        board.entries.iter_mut().for_each(|entry| entry.name = names[entry.competitor].into());
    }
    ranking.competitors = names.map(str::to_owned).to_vec();
    ranking.cautions.push("5 patients: p < 0.05 & _so_ on.".into());
    ranking
}

#[test]
fn a_terminal_of_eighty_columns_holds_it() {
    for charset in [Charset::Unicode, Charset::Ascii] {
        for ranking in [nasty(), synthetic(20, 117, 8), synthetic(117, 1, 8)] {
            let text = terminal(&ranking, charset);
            assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        }
    }
    let ascii = terminal(&synthetic(3, 2, 8), Charset::Ascii);
    assert!(ascii.is_ascii(), "{ascii}");
}

/// Trials of a search all begin with the same key.
#[test]
fn competitors_that_begin_alike_are_told_apart() {
    let mut ranking = synthetic(28, 1, 8);
    let named = terminal(&ranking, Charset::Unicode);
    ranking.competitors = (0..28).map(|place| format!("learning-rate=0.0{place:02}")).collect();
    for board in &mut ranking.boards {
        board.entries.iter_mut().for_each(|entry| entry.name = format!("learning-rate=0.0{:02}", entry.competitor));
    }
    let text = terminal(&ranking, Charset::Unicode);
    let second = &ranking.overall().unwrap().entries[1].name;
    assert!(
        text.contains(&format!("B {second} ")) && text.contains("AB learning-rate") && text.contains("A − B "),
        "{text}"
    );
    assert!(!text.contains("learning… − ") && !named.contains("A − B "), "{text}{named}");
}

#[test]
fn every_file_is_written_and_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let ranking = nasty();
    let page = write(&ranking, "A <title> & more", folder.path()).unwrap();
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    let json: serde_json::Value = serde_json::from_str(&read("ranking.json")).unwrap();
    let mean = json["boards"][0]["entries"][0]["mean"].as_f64().unwrap();
    let html = fs::read_to_string(page).unwrap();
    assert!(html.contains("A &lt;title&gt; &amp; more") && !html.contains("<b>#2"), "names are escaped");
    for outside in ["http://", "https://", "src=\"/", "@import"] {
        assert!(!html.replace("http://www.w3.org/2000/svg", "").contains(outside), "{outside}");
    }
    for text in [&html, &read("ranking.md"), &read("ranking.tex")] {
        assert!(text.contains(&format!("{mean:.3}")), "{mean}");
    }
    assert_eq!(read("ranking.csv").lines().count(), 1 + 4 * 4);
    assert_eq!(read("ranking-pairs.csv").lines().count(), 1 + 4 * 6);
    let markdown = read("ranking.md");
    assert!(markdown.contains("\\<b\\>\\#2") && markdown.contains("× 3 \\|"), "{markdown}");
}

#[test]
fn latex_compiles() {
    let folder = tempfile::tempdir().unwrap();
    let document = format!(
        "\\documentclass{{article}}\n\\usepackage[utf8]{{inputenc}}\n\\usepackage[T1]{{fontenc}}\n\\usepackage{{booktabs}}\n\
         \\begin{{document}}\n{}\\end{{document}}\n",
        latex(&nasty(), "50% of\nall")
    );
    assert!(
        document.matches("\\toprule").count() == 3 && document.contains("lr=0.1\\_a \\& 50\\% \\{x\\}"),
        "{document}"
    );
    fs::write(folder.path().join("ranking.tex"), &document).unwrap();
    let program = Command::new("pdflatex")
        .current_dir(folder.path())
        .args(["-halt-on-error", "-interaction=batchmode", "ranking.tex"])
        .output();
    let Ok(output) = program else {
        eprintln!("skipped: there is no pdflatex");
        return;
    };
    let log = fs::read_to_string(folder.path().join("ranking.log")).unwrap_or_default();
    assert!(output.status.success(), "{log}");
}
