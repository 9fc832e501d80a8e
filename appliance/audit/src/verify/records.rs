//! The walk over the records, each once: against the tree, the checkpoints, the epochs, and the other forms of them.

use std::collections::BTreeMap;
use std::io::{BufRead, Read};

use data_encoding::BASE64;

use super::files::Files;
use super::hashes::Checkpoints;
use super::report::Finding;
use crate::bundle::{Index, SEGMENT, name, records_name};
use crate::tile::Tiles;
use crate::tree::{Hash, Tree};
use crate::{Fields, MAX_RECORD_BYTES, NoteKey, Record, Value, catalogue, proof, views};

/// The longest line of a view.
const MAX_VIEW_LINE: usize = 128 << 10;

/// What the walk needs to know.
pub(super) struct Context<'a> {
    pub(super) files: &'a Files,
    pub(super) index: &'a Index,
    pub(super) keys: &'a BTreeMap<u64, NoteKey>,
    pub(super) checkpoints: &'a Checkpoints,
    pub(super) tiles: &'a Tiles,
    /// The checkpoints that a proof leads from.
    pub(super) proven: &'a [u64],
    /// The size whose root the caller wants to know.
    pub(super) wanted: Option<u64>,
}

/// What the walk found out.
pub(super) struct Walked {
    /// The root at the wanted size, if the records lead there.
    pub(super) root: Option<Hash>,
}

struct Walk<'a> {
    context: &'a Context<'a>,
    tree: Tree,
    views: [View<'a>; 3],
    /// The present epoch, once something has said it.
    epoch: Option<u64>,
    first_epoch: Option<u64>,
    last_time: String,
    seen_checkpoints: usize,
    root: Option<Hash>,
}

/// A file that says the same in another form.
struct View<'a> {
    name: &'static str,
    derive: fn(&Record) -> String,
    lines: Lines<'a>,
}

pub(super) fn walk(context: &Context<'_>) -> Result<Walked, Finding> {
    let index = context.index;
    let tree = proof::tree(context.tiles, index.from).map_err(|missing| Finding::new(missing.to_string()))?;
    let view =
        |name, derive| Ok(View { name, derive, lines: Lines::open(context.files, name, MAX_VIEW_LINE)? });
    let mut walk = Walk {
        context,
        tree,
        views: [
            view(name::OCSF, views::ocsf as fn(&Record) -> String)?,
            view(name::CEF, views::cef)?,
            view(name::RFC5424, views::rfc5424)?,
        ],
        epoch: (index.from == 0).then_some(0),
        first_epoch: None,
        last_time: String::new(),
        seen_checkpoints: 0,
        root: None,
    };
    walk.records()?;
    walk.end()
}

impl Walk<'_> {
    fn records(&mut self) -> Result<(), Finding> {
        let index = self.context.index;
        let export = index.to.max(index.size - 1)..index.size;
        let expected = (index.from..index.to).chain(export);
        let total = index.to - index.from + u64::from(index.to < index.size);
        let segments = total.div_ceil(SEGMENT);
        let files = self.context.files;
        if files.names().filter(|name| name.starts_with("records/")).count() as u64 != segments {
            return Err(Finding::new(format!("{total} records are {segments} files, and there are others")));
        }
        let mut lines = None;
        for (count, seq) in (0_u64..).zip(expected) {
            let file = records_name(count / SEGMENT);
            if count % SEGMENT == 0 {
                at_end(lines.take())?;
                lines = Some(Lines::open(files, &file, MAX_RECORD_BYTES)?);
            }
            let line = lines.as_mut().map(Lines::next).transpose()?.flatten();
            let line = line.ok_or_else(|| Finding::in_file(&file, "it ends before this record").at(seq))?;
            let record = Record::parse(line).map_err(|error| Finding::in_file(&file, error).at(seq))?;
            self.record(&record, seq).map_err(|why| Finding::in_file(&file, why).at(seq))?;
            self.compare(&record, seq)?;
        }
        at_end(lines)
    }

    /// One record in its place. The error says what is wrong with it.
    fn record(&mut self, record: &Record, seq: u64) -> Result<(), String> {
        let (fields, index) = (record.fields(), self.context.index);
        let leaf = record.leaf();
        let is_in_range = seq < index.to;
        let stepped = fields.act == catalogue::SYSTEM_CLOCK_STEP.act();
        let rules = [
            (fields.origin == index.origin, "it is of another log"),
            (fields.seq == seq, "it has another number"),
            (self.context.tiles.get(0, seq) == Some(&leaf), "its hash is not the one in the tree"),
            (stepped || !is_in_range || fields.time >= self.last_time, "it is before the one before it"),
        ];
        if let Some((_, why)) = rules.iter().find(|(holds, _)| !holds) {
            return Err((*why).to_owned());
        }
        if seq + 1 == index.size {
            self.check_export(fields)?;
        }
        if !is_in_range {
            return Ok(());
        }
        self.last_time.clone_from(&fields.time);
        self.tree.push(leaf);
        if fields.act == catalogue::CHECKPOINT.act() {
            self.check_described(fields)?;
        }
        let rotates = fields.act == catalogue::KEY_ROTATE.act();
        if rotates {
            self.begin_rotation(fields)?;
        }
        let is_signed = self.check_root()?;
        if rotates {
            self.end_rotation(fields, is_signed)?;
        }
        if self.context.wanted == Some(self.tree.size()) {
            self.root = Some(self.tree.root());
        }
        Ok(())
    }

    /// The checkpoint of the records so far, if the bundle has one; whether it has.
    fn check_root(&mut self) -> Result<bool, String> {
        let size = self.tree.size();
        let Some(signed) = self.context.checkpoints.by_size.get(&size) else { return Ok(false) };
        if signed.root != self.tree.root() {
            return Err(format!("the checkpoint of {size} records has another root"));
        }
        if *self.epoch.get_or_insert(signed.epoch) != signed.epoch {
            return Err(format!("the checkpoint of {size} records is by the key of another epoch"));
        }
        self.first_epoch.get_or_insert(signed.epoch);
        self.seen_checkpoints += 1;
        Ok(true)
    }

    /// A `checkpoint` record has its checkpoint, whose size is the record's number.
    fn check_described(&self, fields: &Fields) -> Result<(), String> {
        let size = number(fields, "size").filter(|size| *size == fields.seq);
        let size = size.ok_or("it describes a checkpoint of another size")?;
        if size <= self.context.index.from {
            return Ok(());
        }
        let signed = self.context.checkpoints.by_size.get(&size);
        let signed = signed.ok_or("the checkpoint that it describes is not in the bundle")?;
        let described = (number(fields, "epoch"), text(fields, "root"));
        if described != (Some(signed.epoch), Some(BASE64.encode(&signed.root).as_str())) {
            return Err("it describes another checkpoint than the one in the bundle".to_owned());
        }
        Ok(())
    }

    fn begin_rotation(&mut self, fields: &Fields) -> Result<(), String> {
        let ends = number(fields, "epoch").ok_or("it does not say which epoch ends")?;
        if *self.epoch.get_or_insert(ends) != ends {
            return Err("it ends another epoch than the present one".to_owned());
        }
        self.first_epoch.get_or_insert(ends);
        Ok(())
    }

    fn end_rotation(&mut self, fields: &Fields, is_signed: bool) -> Result<(), String> {
        if !is_signed {
            return Err("the epoch that it ends has no last checkpoint".to_owned());
        }
        let next = self.epoch.map(|epoch| epoch + 1);
        if number(fields, "next") != next {
            return Err("the next epoch does not follow the one that ends".to_owned());
        }
        let key = next.and_then(|next| self.context.keys.get(&next));
        if key.map(|key| BASE64.encode(&key.public)).as_deref() != text(fields, "next_key") {
            return Err("the next epoch's key is another one than the certified one".to_owned());
        }
        self.epoch = next;
        Ok(())
    }

    fn check_export(&self, fields: &Fields) -> Result<(), String> {
        let index = self.context.index;
        let to = (index.to < index.size).then_some(index.to);
        let fits = fields.act == catalogue::AUDIT_EXPORT.act()
            && number(fields, "export") == Some(index.export)
            && number(fields, "from") == Some(index.from)
            && number(fields, "to") == to
            && fields.d.contains_key("to") == to.is_some()
            && text(fields, "nonce") == index.nonce.as_deref()
            && fields.d.contains_key("nonce") == index.nonce.is_some()
            && fields.time == index.time
            && fields.sw == index.sw;
        if fits { Ok(()) } else { Err("it is not the record of this export".to_owned()) }
    }

    fn compare(&mut self, record: &Record, seq: u64) -> Result<(), Finding> {
        for view in &mut self.views {
            if view.lines.next()? != Some((view.derive)(record).as_bytes()) {
                return Err(Finding::in_file(view.name, "it does not say what the record says").at(seq));
            }
        }
        Ok(())
    }

    /// Nothing is left over, and every checkpoint had its place.
    fn end(mut self) -> Result<Walked, Finding> {
        for view in &mut self.views {
            if view.lines.next()?.is_some() {
                return Err(Finding::in_file(view.name, "it has more lines than there are records"));
            }
        }
        let (index, checkpoints) = (self.context.index, self.context.checkpoints);
        for (size, signed) in &checkpoints.by_size {
            let is_walked = index.from < *size && *size <= index.to;
            let is_newest = *size == index.size;
            if !is_walked && !is_newest && !self.context.proven.contains(size) {
                return Err(Finding::new(format!(
                    "nothing shows the root of the checkpoint of {size} records"
                )));
            }
            if *size <= index.from && self.first_epoch.is_some_and(|first| signed.epoch > first) {
                return Err(Finding::new(format!("the checkpoint of {size} records is of a later epoch")));
            }
            if *size > index.to && self.epoch.is_some_and(|last| signed.epoch < last) {
                return Err(Finding::new(format!("the checkpoint of {size} records is of an earlier epoch")));
            }
        }
        Ok(Walked { root: self.root })
    }
}

/// A number of the event's own values.
fn number(fields: &Fields, name: &str) -> Option<u64> {
    match fields.d.get(name) {
        Some(Value::Int(number)) => u64::try_from(*number).ok(),
        _ => None,
    }
}

fn text<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    match fields.d.get(name) {
        Some(Value::Str(text)) => Some(text),
        _ => None,
    }
}

/// Lines of at most so many bytes, each ended by a newline.
struct Lines<'a> {
    name: String,
    reader: Box<dyn BufRead + 'a>,
    limit: usize,
    line: Vec<u8>,
}

impl<'a> Lines<'a> {
    fn open(files: &'a Files, name: &str, limit: usize) -> Result<Self, Finding> {
        Ok(Self { name: name.to_owned(), reader: files.read(name)?, limit, line: Vec::new() })
    }

    /// The next line without its newline; `None` at the end.
    fn next(&mut self) -> Result<Option<&[u8]>, Finding> {
        self.line.clear();
        let most = self.limit as u64 + 1;
        let read = self.reader.by_ref().take(most).read_until(b'\n', &mut self.line);
        read.map_err(|error| Finding::in_file(&self.name, error))?;
        match self.line.strip_suffix(b"\n") {
            Some(line) => Ok(Some(line)),
            None if self.line.is_empty() => Ok(None),
            None if self.line.len() > self.limit => {
                Err(Finding::in_file(&self.name, format!("a line is longer than {} bytes", self.limit)))
            }
            None => Err(Finding::in_file(&self.name, "its last line is cut off")),
        }
    }
}

fn at_end(lines: Option<Lines<'_>>) -> Result<(), Finding> {
    let Some(mut lines) = lines else { return Ok(()) };
    match lines.next()? {
        None => Ok(()),
        Some(_) => Err(Finding::in_file(&lines.name, "it has more lines than it should")),
    }
}
