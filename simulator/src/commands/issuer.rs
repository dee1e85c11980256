//! `rushhour issuer`: a key to sign tokens with, and what an OIDC issuer serves of it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use http::Uri;
use identity::SigningKey;

use crate::cli::IssuerArgs;
use crate::exit::{Exit, Failure};
use crate::run_dir::write_whole;
use crate::target::deployed::read_key;

/// Its owner may read and write it, and nobody else.
const OWNER_ONLY: u32 = 0o600;

/// Makes it.
///
/// # Errors
/// If the key is none, or a file cannot be written.
pub fn run(args: &IssuerArgs) -> Result<Exit, Failure> {
    let url: Option<Uri> = args.url.parse().ok();
    let is_issuer = |url: &Uri| {
        matches!(url.scheme_str(), Some("https" | "http"))
            && url.host().is_some_and(|host| !host.is_empty())
            && url.query().is_none()
    };
    if !url.as_ref().is_some_and(is_issuer) {
        return Err(Failure::input(format!(
            "found the URL {:?}, expected one such as https://issuer.example.com",
            args.url
        )));
    }
    if !args.key.exists() {
        let pem = SigningKey::generate().map_err(Failure::target)?;
        write(&args.key, |path| {
            let mut options = fs::OpenOptions::new();
            let mut file = options
                .write(true)
                .create_new(true)
                .mode(OWNER_ONLY)
                .open(path)?;
            file.write_all(pem.as_bytes())
        })?;
    }
    let key = read_key(&args.key)?;
    let folder = args.output.join(".well-known");
    write(&folder, |path| fs::create_dir_all(path))?;
    let documents = [
        ("openid-configuration", SigningKey::metadata(&args.url)),
        ("jwks.json", key.key_set()),
    ];
    for (name, text) in documents {
        let path = folder.join(name);
        write_whole(&path, text.as_bytes())?;
        eprintln!("written: {}", path.display());
    }
    Ok(Exit::Well)
}

fn write(path: &Path, how: impl FnOnce(&Path) -> std::io::Result<()>) -> Result<(), Failure> {
    how(path).map_err(|error| {
        let shown = path.display();
        Failure::target(format!(
            "{shown}: cannot be written ({error}), expected a writable file"
        ))
    })
}
