//! Refuses an OpenSSL without threads: its locks and counts would do nothing, and connections on several
//! threads corrupt memory. `.cargo/openssl-perl` says how that comes about in a static build.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=DEP_OPENSSL_INCLUDE");
    let include =
        env::var_os("DEP_OPENSSL_INCLUDE").ok_or("openssl-sys does not say where its headers are")?;
    let header = PathBuf::from(include).join("openssl/configuration.h");
    println!("cargo::rerun-if-changed={}", header.display());
    let configuration =
        fs::read_to_string(&header).map_err(|error| format!("{}: {error}", header.display()))?;
    if !configuration.contains("define OPENSSL_THREADS") {
        return Err("OpenSSL was configured without threads: build inside the workspace, so that .cargo/config.toml applies".into());
    }
    Ok(())
}
