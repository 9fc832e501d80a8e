//! Readers of CEF and of syslog as collectors have them, written from the specifications: from the left, a character at
//! a time. They know nothing of how the lines were made.

use std::collections::BTreeMap;

/// A line of CEF: the seven fields of its header, then the extension.
#[derive(Debug)]
pub(crate) struct Cef {
    pub(crate) header: Vec<String>,
    pub(crate) extension: BTreeMap<String, String>,
}

/// "Implementing ArcSight Common Event Format", version 25: seven fields, each ended by a pipe, in which pipe and backslash
/// are escaped; then pairs of key and value, where a value goes on to the space before the next key, and in which equals
/// sign and backslash are escaped.
pub(crate) fn read_cef(line: &str) -> Option<Cef> {
    let mut rest = line.strip_prefix("CEF:")?.chars();
    let mut header = Vec::new();
    while header.len() < 7 {
        let mut field = String::new();
        loop {
            match rest.next()? {
                '|' => break,
                '\\' => field.push(rest.next().filter(|next| ['|', '\\'].contains(next))?),
                other => field.push(other),
            }
        }
        header.push(field);
    }
    Some(Cef { header, extension: read_extension(rest.as_str())? })
}

fn read_extension(text: &str) -> Option<BTreeMap<String, String>> {
    let mut extension = BTreeMap::new();
    // What was read and belongs to the key; its last word may prove to be the next key.
    let (mut key, mut value, mut characters) = (None::<String>, String::new(), text.chars());
    loop {
        match characters.next() {
            Some('\\') => match characters.next()? {
                'n' | 'r' => value.push('\n'),
                escaped @ ('=' | '\\') => value.push(escaped),
                _ => return None,
            },
            Some('=') => {
                let (before, word) = value.rsplit_once(' ').unwrap_or(("", &value));
                let is_key = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
                let next = is_key.then(|| word.to_owned())?;
                let before = before.to_owned();
                let unused = match key.replace(next) {
                    Some(key) => extension.insert(key, before).is_none(),
                    None => before.is_empty(),
                };
                unused.then_some(())?;
                value.clear();
            }
            Some(other) => value.push(other),
            None => {
                return extension.insert(key?, value).is_none().then_some(extension);
            }
        }
    }
}

/// A message of syslog.
#[derive(Debug)]
pub(crate) struct Syslog {
    pub(crate) priority: u8,
    /// TIMESTAMP, HOSTNAME, APP-NAME, PROCID, MSGID
    pub(crate) header: Vec<String>,
    pub(crate) id: String,
    pub(crate) parameters: BTreeMap<String, String>,
}

/// RFC 5424 section 6, with one element of structured data and no message.
pub(crate) fn read_rfc5424(line: &str) -> Option<Syslog> {
    let (priority, rest) = line.strip_prefix('<')?.split_once('>')?;
    let priority = priority.parse().ok().filter(|priority| *priority <= 191)?;
    let mut words = rest.strip_prefix("1 ")?.splitn(6, ' ');
    let longest = [32, 255, 48, 128, 32];
    let header: Vec<String> = longest
        .iter()
        .map_while(|longest| words.next().filter(|word| is_printable(word, *longest)).map(str::to_owned))
        .collect();
    let element = words.next()?.strip_prefix('[')?;
    let (id, mut rest) = element.split_at(element.find([' ', ']'])?);
    is_name(id).then_some(())?;
    let mut parameters = BTreeMap::new();
    while let Some(parameter) = rest.strip_prefix(' ') {
        let (name, quoted) = parameter.split_once("=\"")?;
        is_name(name).then_some(())?;
        let (value, behind) = read_value(quoted)?;
        parameters.insert(name.to_owned(), value).is_none().then_some(())?;
        rest = behind;
    }
    (header.len() == 5 && rest == "]").then_some(Syslog { priority, header, id: id.to_owned(), parameters })
}

fn is_printable(word: &str, longest: usize) -> bool {
    (1..=longest).contains(&word.len()) && word.bytes().all(|byte| (33..=126).contains(&byte))
}

/// Section 6.3.2: SD-NAME.
fn is_name(word: &str) -> bool {
    is_printable(word, 32) && !word.contains(['=', ']', '"'])
}

/// Section 6.3.3: up to a quote that is not escaped; a bracket must be, and what else follows a backslash is kept with it.
fn read_value(quoted: &str) -> Option<(String, &str)> {
    let (mut value, mut characters) = (String::new(), quoted.chars());
    loop {
        match characters.next()? {
            '"' => return Some((value, characters.as_str())),
            ']' => return None,
            '\\' => match characters.next()? {
                escaped @ ('"' | '\\' | ']') => value.push(escaped),
                other => value.extend(['\\', other]),
            },
            other => value.push(other),
        }
    }
}

/// A string from its plain text, as `FORMAT.md` says.
pub(crate) fn from_plain(text: &str) -> Option<String> {
    let (mut string, mut characters) = (String::new(), text.chars());
    while let Some(character) = characters.next() {
        if character != '\\' {
            string.push(character);
            continue;
        }
        match characters.next()? {
            '\\' => string.push('\\'),
            'u' => {
                let digits: String = characters.by_ref().take(4).collect();
                string.push(char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?);
            }
            _ => return None,
        }
    }
    Some(string)
}

/// What Python's `str.splitlines` and Unicode take for the end of a line, and what a terminal takes for an order.
pub(crate) fn breaks_lines(text: &str) -> bool {
    text.chars()
        .any(|character| character.is_control() || matches!(character, '\u{85}' | '\u{2028}' | '\u{2029}'))
}
