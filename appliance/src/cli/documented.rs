//! What the operator's manual and the stick's README say to type exists.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser as _;
use clap::error::ErrorKind;

use super::Arguments;
use crate::config::Config;

/// Every page for operators, with its text.
fn pages() -> Vec<(PathBuf, String)> {
    let installer = Path::new(env!("CARGO_MANIFEST_DIR")).join("../installer");
    let manual = fs::read_dir(installer.join("manual")).unwrap().map(|entry| entry.unwrap().path());
    let pages = manual.chain([installer.join("README.md")]);
    pages.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// Commands of ours in blocks of code and between backquotes.
fn commands(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut fenced = false;
    for line in page.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if fenced {
            found.push(line.to_owned());
        } else {
            found.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    found.retain(|command| command.starts_with("redoubt ") && !command.starts_with("redoubt @"));
    found
}

/// The words of a command line, as a shell would have them.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for each in command.chars() {
        match each {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            _ => words.last_mut().unwrap().push(each),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn every_command_that_is_written_down_is_one() {
    let mut checked = 0;
    for (path, page) in pages() {
        for command in commands(&page) {
            let outcome = Arguments::try_parse_from(words(&command));
            // A command may be named without all that it takes.
            let incomplete = [
                ErrorKind::MissingRequiredArgument,
                ErrorKind::DisplayHelp,
                ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
                ErrorKind::DisplayVersion,
            ];
            if let Err(error) = outcome
                && !incomplete.contains(&error.kind())
            {
                panic!("{}: {command}\n{error}", path.display());
            }
            checked += 1;
        }
    }
    assert!(checked > 60, "{checked} commands");
}

#[test]
fn every_setting_that_is_shown_is_one() {
    let mut checked = 0;
    for (path, page) in pages() {
        for block in page.split("```toml\n").skip(1) {
            let text = block.split("```").next().unwrap();
            // A manifest is shown as TOML, too.
            if !text.starts_with('[') {
                continue;
            }
            // What is shown may leave out what a whole file must have.
            if let Err(error) = toml::from_str::<Config>(text)
                && error.message().contains("unknown")
            {
                panic!("{}: {text}\n{error}", path.display());
            }
            checked += 1;
        }
    }
    assert!(checked >= 3, "{checked} blocks");
}
