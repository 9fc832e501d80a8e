//! Writes the tiny models of [`redoubt_engine::fixture::known`] into a folder, for scripts/expectations.py.

use redoubt_engine::fixture;
use std::fs::File;
use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1).ok_or("usage: fixture FOLDER")?;
    for (name, tiny) in fixture::known() {
        tiny.write(File::create(Path::new(&folder).join(format!("{name}.gguf")))?)?;
    }
    Ok(())
}
