//! Where things are when the user does not say.

use std::path::{Path, PathBuf};

use serde_json::Value;

use prentice_model::{
    Compute,
    kernels::{Kernels, Precision},
};

use crate::{
    arguments::{Arithmetic, KernelChoice, PrecisionChoice},
    error::{CliError, ErrorKind, OrCliError as _},
};

/// The directory of a project in which state is kept, unless the user names another.
pub const STATE: &str = ".prentice";
/// The directory in which a quickstart leaves its results.
pub const QUICKSTART: &str = "quickstart";
/// The file that names them.
pub const SUMMARY_FILE: &str = "summary.json";

/// The model that was asked for, or that of the last quickstart here or above.
pub fn model(given: Option<PathBuf>) -> Result<PathBuf, CliError> {
    given.map_or_else(|| from_quickstart("model", "--model DIR"), Ok)
}

/// The corpus that was asked for, or that of the last quickstart here or above.
pub fn corpus(given: Option<PathBuf>, option: &str) -> Result<PathBuf, CliError> {
    given.map_or_else(|| from_quickstart("corpus", option), Ok)
}

/// Where this user's caches are: `$XDG_CACHE_HOME/prentice`, else `~/.cache/prentice`.
pub fn user_cache() -> Option<PathBuf> {
    let given = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    given("XDG_CACHE_HOME")
        .filter(|path| path.is_absolute())
        .or_else(|| given("HOME").map(|home| home.join(".cache")))
        .map(|cache| cache.join("prentice"))
}

fn from_quickstart(key: &str, option: &str) -> Result<PathBuf, CliError> {
    let missing = || {
        CliError::new(
            ErrorKind::Usage,
            format!("there is no {key} here: no .prentice/quickstart in this directory or above"),
        )
        .hint(format!("run `prentice quickstart` first, or give {option}"))
    };
    let here = std::env::current_dir()?;
    let summary = here
        .ancestors()
        .map(|directory| directory.join(STATE).join(QUICKSTART).join(SUMMARY_FILE))
        .find(|path| path.is_file())
        .ok_or_else(missing)?;
    let bytes = prentice_base::files::read(&summary)?;
    let damaged = |error| {
        CliError::new(ErrorKind::Environment, format!("{} is damaged: {error}", summary.display()))
            .hint("run `prentice quickstart` again; it reuses what it can")
    };
    let value: Value = serde_json::from_slice(&bytes).map_err(damaged)?;
    let path = value.get(key).and_then(Value::as_str).ok_or_else(missing)?;
    // Paths in the summary are relative to the directory that holds `.prentice`, unless they are absolute.
    let base = summary.ancestors().nth(3).unwrap_or(Path::new("."));
    Ok(base.join(path))
}

/// The arithmetic that was asked for.
pub fn compute(arithmetic: Arithmetic) -> Result<Compute, CliError> {
    let kernels = match arithmetic.kernels {
        None => Kernels::detect(),
        Some(choice) => {
            let name = match choice {
                KernelChoice::Portable => "portable",
                KernelChoice::Avx2 => "avx2",
                KernelChoice::Avx512 => "avx512",
                KernelChoice::Avx512bf16 => "avx512bf16",
                KernelChoice::Amx => "amx",
            };
            name.parse::<Kernels>().or_hint(ErrorKind::Environment, "leave out --kernels to use the best there are")?
        }
    };
    let precision = match arithmetic.precision {
        PrecisionChoice::F32 => Precision::F32,
        PrecisionChoice::Bf16 => Precision::Bf16,
        PrecisionChoice::Auto if kernels.has_fast_bf16() => Precision::Bf16,
        PrecisionChoice::Auto => Precision::F32,
    };
    Ok(Compute { kernels, precision })
}
