//! Changes of the text of a dataset file that corrected labels ask for. Comments and the order of keys stay.

use std::collections::BTreeSet;

use toml_edit::{Array, DocumentMut, Item, Table, TableLike};

use super::Added;
use crate::dataset::{Target, TargetStructure};

/// Lets structures be tables of their own: `structure = [{ name = "liver", value = 1 }]` says the same as `[[structure]]`.
pub(super) fn structures_as_tables(document: &mut DocumentMut) {
    if let Some(item) = document.remove("structure") {
        let item = item.into_array_of_tables().map_or_else(|other| other, Item::ArrayOfTables);
        document.insert("structure", item);
    }
}

/// Structures that the run does not segment are missing in what a person corrected from a prediction: their values become background, and
/// what names them is removed. Returns their names.
///
/// # Errors
/// The structures are written in a way that none can be left out.
pub(super) fn leave_out(document: &mut DocumentMut, target: &Target) -> Result<Vec<String>, String> {
    let kept: BTreeSet<&str> = target.structures.iter().flat_map(|it| it.members.iter().map(String::as_str)).collect();
    let Some(structures) = document.get_mut("structure").and_then(Item::as_array_of_tables_mut) else {
        return Err("write each structure of the run's dataset as `[[structure]]`".into());
    };
    let others: Vec<&Table> = structures.iter().filter(|table| !kept.contains(name_of(table))).collect();
    let values: Vec<i64> = others.iter().filter_map(|table| table.get("value")?.as_integer()).collect();
    let names: Vec<String> = others.into_iter().map(|table| name_of(table).to_owned()).collect();
    if names.is_empty() {
        return Ok(names);
    }
    structures.retain(|table| kept.contains(name_of(table)));
    let labels = document.entry("labels").or_insert(Item::Table(Table::new()));
    let Some(labels) = labels.as_table_like_mut() else { return Ok(names) };
    forget(labels, &|name| kept.contains(name));
    // With overlap, values are sets of structures, which nothing else can be.
    let overlaps = labels.get("overlap").and_then(Item::as_bool).unwrap_or(false);
    if !overlaps {
        let background = labels.entry("background").or_insert(toml_edit::value(Array::new()));
        if let Some(list) = background.as_array_mut() {
            values.into_iter().for_each(|value| list.push(value));
        }
    }
    Ok(names)
}

fn name_of(table: &Table) -> &str {
    table.get("name").and_then(Item::as_str).unwrap_or_default()
}

/// Removes what names a structure that is not kept: unions, groups, pairs and lists of inseparable structures.
fn forget(labels: &mut dyn TableLike, is_kept: &dyn Fn(&str) -> bool) {
    let is_whole = |list: &Array| list.iter().all(|it| it.as_str().is_none_or(is_kept));
    let mut gone: Vec<String> = Vec::new();
    if let Some(unions) = labels.get_mut("merge").and_then(Item::as_table_like_mut) {
        gone = unions
            .iter()
            .filter(|(_, it)| !it.as_array().is_none_or(is_whole))
            .map(|(name, _)| name.to_owned())
            .collect();
        gone.iter().for_each(|name| drop(unions.remove(name)));
    }
    // Groups name unions, too.
    let stays = |name: &str| is_kept(name) && !gone.iter().any(|it| it == name);
    if let Some(groups) = labels.get_mut("groups").and_then(Item::as_table_like_mut) {
        let is_whole = |list: &Array| list.iter().all(|it| it.as_str().is_none_or(stays));
        let gone: Vec<String> = groups
            .iter()
            .filter(|(_, it)| !it.as_array().is_none_or(is_whole))
            .map(|(name, _)| name.to_owned())
            .collect();
        gone.iter().for_each(|name| drop(groups.remove(name)));
    }
    for key in ["mirror-pairs", "inseparable"] {
        if let Some(lists) = labels.get_mut(key).and_then(Item::as_array_mut) {
            lists.retain(|list| list.as_array().is_none_or(is_whole));
        }
    }
}

/// Structures of which the run segments the union have one value in what it predicts, and so in what a person corrects: the dataset says
/// that its labels do not tell them apart. Returns them, union by union.
pub(super) fn seal_unions(document: &mut DocumentMut, target: &Target) -> Vec<Vec<String>> {
    // Where structures overlap, labels keep the values of the dataset's structures.
    let is_union = |it: &&TargetStructure| it.members.len() > 1 && !target.overlapping;
    let unions: Vec<Vec<String>> = target.structures.iter().filter(is_union).map(|it| it.members.clone()).collect();
    if unions.is_empty() {
        return unions;
    }
    let labels = document.entry("labels").or_insert(Item::Table(Table::new()));
    if let Some(labels) = labels.as_table_like_mut() {
        let list = labels.entry("inseparable").or_insert(toml_edit::value(Array::new()));
        if let Some(list) = list.as_array_mut() {
            for union in &unions {
                let is_there = list.iter().any(|known| known.as_array().is_some_and(|known| is_same(known, union)));
                if !is_there {
                    list.push(union.iter().collect::<Array>());
                }
            }
        }
    }
    unions
}

/// Whether a list has these names, in any order.
fn is_same(list: &Array, names: &[String]) -> bool {
    let listed: BTreeSet<&str> = list.iter().filter_map(|it| it.as_str()).collect();
    listed == names.iter().map(String::as_str).collect()
}

/// Adds structures to the dataset.
///
/// # Errors
/// Its structures are written in a way that none can be added to, or labels whose values stand for sets of structures.
pub(super) fn add(document: &mut DocumentMut, added: &[Added]) -> Result<(), String> {
    if added.is_empty() {
        return Ok(());
    }
    let names = added.iter().map(|it| it.name.as_str()).collect::<Vec<_>>().join(", ");
    let labels = document.get("labels").and_then(Item::as_table_like);
    if labels.and_then(|labels| labels.get("overlap")).and_then(Item::as_bool).unwrap_or(false) {
        return Err(format!("its structures may overlap, which corrected labels of {names} cannot tell"));
    }
    let Some(structures) = document.get_mut("structure").and_then(Item::as_array_of_tables_mut) else {
        return Err(format!(
            "write each structure of the run's dataset as `[[structure]]`, so that {names} can be added"
        ));
    };
    for new in added {
        let mut table = Table::new();
        table.insert("name", toml_edit::value(&new.name));
        table.insert("value", toml_edit::value(i64::from(new.value)));
        table.insert("color", toml_edit::value(&new.color));
        structures.push(table);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run that segments these structures, each of these members.
    fn segmenting(members: &[&[&str]]) -> Target {
        let structure = |(place, members): (usize, &&[&str])| TargetStructure {
            members: members.iter().map(|name| (*name).to_owned()).collect(),
            ..TargetStructure::new(members.join("+"), &[place as u16 + 1])
        };
        Target::of(members.iter().enumerate().map(structure).collect())
    }

    #[test]
    fn inline_structures_are_left_out_as_well() {
        let text = "root = \"x\"\nstructure = [{ name = \"liver\", value = 1 }, { name = \"ribs\", value = 6 }]\nmodality = \"ct\"\n";
        let mut document: DocumentMut = text.parse().unwrap();
        structures_as_tables(&mut document);
        assert_eq!(leave_out(&mut document, &segmenting(&[&["liver"]])).unwrap(), ["ribs"]);
        let read: toml::Value = toml::from_str(&document.to_string()).unwrap();
        let wanted =
            "root = \"x\"\nmodality = \"ct\"\n[[structure]]\nname = \"liver\"\nvalue = 1\n[labels]\nbackground = [6]\n";
        assert_eq!(read, toml::from_str(wanted).unwrap());
        let mut odd: DocumentMut = "structure = 3\n".parse().unwrap();
        structures_as_tables(&mut odd);
        assert!(leave_out(&mut odd, &segmenting(&[&["liver"]])).unwrap_err().contains("`[[structure]]`"));
    }

    /// What is 2 in corrected labels may be either kidney.
    #[test]
    fn members_of_a_segmented_union_are_inseparable() {
        let text = "[[structure]]\nname = \"left\"\nvalue = 2\n[[structure]]\nname = \"right\"\nvalue = 3\n\
                    [labels.merge]\nkidneys = [\"left\", \"right\"]\n";
        let mut document: DocumentMut = text.parse().unwrap();
        let target = segmenting(&[&["left", "right"]]);
        for _ in 0..2 {
            assert_eq!(seal_unions(&mut document, &target), [["left", "right"]]);
            let read: toml::Value = toml::from_str(&document.to_string()).unwrap();
            assert_eq!(read["labels"]["inseparable"].to_string(), "[[\"left\", \"right\"]]");
        }
        let mut parts: DocumentMut = text.parse().unwrap();
        let overlapping = Target { overlapping: true, ..target };
        assert!(seal_unions(&mut parts, &overlapping).is_empty() && parts.to_string() == text);
        assert!(seal_unions(&mut parts, &segmenting(&[&["left"]])).is_empty());
    }

    #[test]
    fn what_the_run_does_not_segment_becomes_background() {
        let text = "root = \"x\"\n[[structure]]\nname = \"liver\"\nvalue = 1\n[[structure]]\nname = \"spine\"\nvalue = 5\n\
                    [[structure]]\nname = \"ribs\"\nvalue = 6\n[labels]\nbackground = [9]\nmirror-pairs = [[\"liver\", \"ribs\"]]\n\
                    [labels.merge]\nbones = [\"spine\", \"ribs\"]\nonly = [\"liver\"]\n";
        let mut document: DocumentMut = text.parse().unwrap();
        assert_eq!(leave_out(&mut document, &segmenting(&[&["liver"]])).unwrap(), ["spine", "ribs"]);
        let read: toml::Value = toml::from_str(&document.to_string()).unwrap();
        let wanted: toml::Value = toml::from_str(
            "root = \"x\"\n[[structure]]\nname = \"liver\"\nvalue = 1\n[labels]\nbackground = [9, 5, 6]\nmirror-pairs = []\n\
             [labels.merge]\nonly = [\"liver\"]\n",
        )
        .unwrap();
        assert_eq!(read, wanted);
        let mut whole: DocumentMut = text.parse().unwrap();
        let all = segmenting(&[&["liver"], &["spine"], &["ribs"]]);
        assert!(leave_out(&mut whole, &all).unwrap().is_empty() && whole.to_string() == text);
    }

    #[test]
    fn added_structures_follow_those_of_the_dataset() {
        let text = "root = \"x\"\n[[structure]]\nname = \"liver\"\nvalue = 1\n[labels]\nbackground = [9]\n";
        let tumour = [Added { name: "tumour".into(), value: 7, color: "#009e73".into() }];
        let mut document: DocumentMut = text.parse().unwrap();
        add(&mut document, &tumour).unwrap();
        let read: toml::Value = toml::from_str(&document.to_string()).unwrap();
        let wanted = "root = \"x\"\nstructure = [{ name = \"liver\", value = 1 }, { name = \"tumour\", value = 7, color = \"#009e73\" }]\n\
                      [labels]\nbackground = [9]\n";
        assert_eq!(read, toml::from_str(wanted).unwrap());
        let mut inline: DocumentMut = "structure = [{ name = \"liver\", value = 1 }]\n".parse().unwrap();
        assert!(add(&mut inline, &tumour).unwrap_err().contains("`[[structure]]`"));
        let mut sets: DocumentMut = format!("{text}overlap = true\n").parse().unwrap();
        assert!(add(&mut sets, &tumour).unwrap_err().contains("may overlap"));
        assert_eq!(add(&mut sets, &[]), Ok(()));
    }
}
