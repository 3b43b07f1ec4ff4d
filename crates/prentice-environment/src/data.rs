//! The published data of the suites: where it comes from, how it is found, checked and fetched.
//!
//! Prentice carries none of it. Each file is pinned by its upstream commit, its size and its SHA-256, and is checked
//! every time it is read (a few milliseconds): a changed file would change every score in silence.
//!
//! A data directory holds one folder for each data set, such as `humaneval/data/HumanEval.jsonl.gz`. Which directories
//! those are, and in which order, is the caller's business: this module reads no configuration.
//!
//! Fetching leaves the transport to `curl`, or else `wget`: they know the machine's proxies and certificates, and keep
//! a TLS stack out of Prentice. What they deliver is trusted only as far as its digest.
//!
//! Not covered: parallel and resumed downloads (the largest file has 925 KB).

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use prentice_base::{Event, Events, FileError, files};
use sha2::{Digest as _, Sha256};

/// Where upstream files are served by repository, commit and path.
const UPSTREAM: &str = "https://raw.githubusercontent.com";

/// A published data set.
#[derive(Debug)]
pub struct DataSet {
    /// Name, and the folder it has in a data directory.
    pub name: &'static str,
    /// Upstream repository, as `owner/name`.
    pub repository: &'static str,
    /// Pinned commit of that repository.
    pub commit: &'static str,
    /// Licence, for people; its text is among the files.
    pub licence: &'static str,
    /// What there is.
    pub files: &'static [DataFile],
}

/// One file of a data set.
#[derive(Debug)]
pub struct DataFile {
    /// Path below the data set's folder, with `/`.
    pub path: &'static str,
    /// Path in the upstream repository.
    pub upstream: &'static str,
    /// Size, in bytes.
    pub bytes: u64,
    /// SHA-256, as 64 lower-case hexadecimal digits.
    pub sha256: &'static str,
}

/// Every data set that a suite is read from.
pub const DATA_SETS: &[DataSet] = &[
    DataSet {
        name: "humaneval",
        repository: "openai/human-eval",
        commit: "6d43fb980f9fee3c892a914eda09951f772ad10d",
        licence: "MIT",
        files: &[
            DataFile {
                path: "data/HumanEval.jsonl.gz",
                upstream: "data/HumanEval.jsonl.gz",
                bytes: 44877,
                sha256: "b796127e635a67f93fb35c04f4cb03cf06f38c8072ee7cee8833d7bee06979ef",
            },
            DataFile {
                path: "LICENSE",
                upstream: "LICENSE",
                bytes: 1083,
                sha256: "bcba3de214851cce46ed5af42d6698044616eeace887c3231bc7a20474ab639e",
            },
        ],
    },
    DataSet {
        name: "humanevalplus",
        repository: "evalplus/humanevalplus_release",
        commit: "200defce9e3429d28ca215b6dd061c0f7f31c18b",
        licence: "Apache-2.0, the HumanEval part MIT",
        files: &[
            DataFile {
                path: "HumanEvalPlus.jsonl.gz",
                upstream: "HumanEvalPlus.jsonl.gz",
                bytes: 925932,
                sha256: "272720b90ac375502c8ed23cd791c2a93dfb22a911641a494da74a426c09f101",
            },
            DataFile {
                path: "LICENSE",
                upstream: "LICENSE",
                bytes: 11549,
                sha256: "b0b08821a8c2b49e0f296b0b498c17d6e19b0439d1e4dd9cdb5f37712993c8a7",
            },
        ],
    },
    DataSet {
        name: "humaneval-infilling",
        repository: "openai/human-eval-infilling",
        commit: "88062ff9859c875d04db115b698ed4b0f0395170",
        licence: "MIT",
        files: &[
            DataFile {
                path: "data/HumanEval-SingleLineInfilling.jsonl.gz",
                upstream: "data/HumanEval-SingleLineInfilling.jsonl.gz",
                bytes: 75058,
                sha256: "1277073e7ddce163ef68598c2bca777f688a53df99422f097e37362090f88e1f",
            },
            DataFile {
                path: "data/HumanEval-MultiLineInfilling.jsonl.gz",
                upstream: "data/HumanEval-MultiLineInfilling.jsonl.gz",
                bytes: 170082,
                sha256: "2f341612eee1d35da1357a4f365e0c0b3ba6e2b62eb491e88aaefa4855af0349",
            },
            DataFile {
                path: "data/HumanEval-RandomSpanInfilling.jsonl.gz",
                upstream: "data/HumanEval-RandomSpanInfilling.jsonl.gz",
                bytes: 89591,
                sha256: "b4f330d8a8ff97bf85d9def497dffcae4d741e506449386a877236e422e33e8d",
            },
            DataFile {
                path: "data/HumanEval-RandomSpanInfillingLight.jsonl.gz",
                upstream: "data/HumanEval-RandomSpanInfillingLight.jsonl.gz",
                bytes: 45730,
                sha256: "1432250ecac0cb56e6f97f8faf0970419ef892a98fda7e1f5aa4c4b87209b760",
            },
            DataFile {
                path: "LICENSE",
                upstream: "LICENSE",
                bytes: 1083,
                sha256: "bcba3de214851cce46ed5af42d6698044616eeace887c3231bc7a20474ab639e",
            },
        ],
    },
    DataSet {
        name: "humaneval-x",
        repository: "THUDM/CodeGeeX",
        commit: "2838420b7b4492cf3d16bce5320e26e65960c9e2",
        licence: "Apache-2.0",
        files: &[
            DataFile {
                path: "humaneval_cpp.jsonl.gz",
                upstream: "codegeex/benchmark/humaneval-x/cpp/data/humaneval_cpp.jsonl.gz",
                bytes: 50995,
                sha256: "dcf2e280a1e91bbc3c5f90edb41397e8a9ac1ccc9f5d2b70082f0b0fbfb6dbb0",
            },
            DataFile {
                path: "humaneval_go.jsonl.gz",
                upstream: "codegeex/benchmark/humaneval-x/go/data/humaneval_go.jsonl.gz",
                bytes: 56743,
                sha256: "09126ef64ac68f87296c5f3781186aedc5dec799b114d9df99d6de4a715a7830",
            },
            DataFile {
                path: "humaneval_java.jsonl.gz",
                upstream: "codegeex/benchmark/humaneval-x/java/data/humaneval_java.jsonl.gz",
                bytes: 55950,
                sha256: "276f36db2eb7aeb864f36a19a2f4e1bb2460fb6e22ff100f0b5bedabe3799967",
            },
            DataFile {
                path: "humaneval_js.jsonl.gz",
                upstream: "codegeex/benchmark/humaneval-x/js/data/humaneval_js.jsonl.gz",
                bytes: 52009,
                sha256: "fe5d467f2c1a027b3f6f18d3729aca01f6458c1de2e2d1292a019c5aa9bed424",
            },
            DataFile {
                path: "humaneval_python.jsonl.gz",
                upstream: "codegeex/benchmark/humaneval-x/python/data/humaneval_python.jsonl.gz",
                bytes: 53055,
                sha256: "5752fb122efddb0e9b47c77907ae6ce9a15aac4dea14e44c46032c831e6b987a",
            },
            DataFile {
                path: "humaneval_rust.jsonl.gz",
                upstream: "codegeex/benchmark/humaneval-x/rust/data/humaneval_rust.jsonl.gz",
                bytes: 46660,
                sha256: "ae5cabbbfc8fe25244a608b04f09ac3b324c645ac969dfc033756c12f0f9924c",
            },
            DataFile {
                path: "LICENSE",
                upstream: "LICENSE",
                bytes: 11357,
                sha256: "c71d239df91726fc519c6eb72d318ec65820627232b2f796219e87dcf35d0ab4",
            },
        ],
    },
    DataSet {
        name: "humanevalpack",
        repository: "bigcode-project/octopack",
        commit: "e17a8f6470264286bc6a52eb8263582083bf3bf6",
        licence: "MIT, the HumanEval-X part Apache-2.0",
        files: &[
            DataFile {
                path: "evaluation/create/humaneval-x/data/cpp/data/humanevalpack.jsonl",
                upstream: "evaluation/create/humaneval-x/data/cpp/data/humanevalpack.jsonl",
                bytes: 519422,
                sha256: "891a390c1b9d2cb85dd8fbebcf1d88dbdd565734a6b2b3259f9ddb3fe95e33d7",
            },
            DataFile {
                path: "evaluation/create/humaneval-x/data/go/data/humanevalpack.jsonl",
                upstream: "evaluation/create/humaneval-x/data/go/data/humanevalpack.jsonl",
                bytes: 520781,
                sha256: "0ee2cdca46d70afb33d913a0d4b205624fe4ded2f28c2efdb241727221837993",
            },
            DataFile {
                path: "evaluation/create/humaneval-x/data/java/data/humanevalpack.jsonl",
                upstream: "evaluation/create/humaneval-x/data/java/data/humanevalpack.jsonl",
                bytes: 710974,
                sha256: "a8d077d300bbdc2eda91e1a733deb2944678bce8fcc7eb272214626516768cc1",
            },
            DataFile {
                path: "evaluation/create/humaneval-x/data/js/data/humanevalpack.jsonl",
                upstream: "evaluation/create/humaneval-x/data/js/data/humanevalpack.jsonl",
                bytes: 479665,
                sha256: "04c86c1fac5f33818d9187cba278ed1dfc66cc259372dd8342126aa580fb7569",
            },
            DataFile {
                path: "evaluation/create/humaneval-x/data/python/data/humanevalpack.jsonl",
                upstream: "evaluation/create/humaneval-x/data/python/data/humanevalpack.jsonl",
                bytes: 537907,
                sha256: "b1376d72be4bd016a62ad043d9de3846edb8d63edf1222da802a31330c14c3a7",
            },
            DataFile {
                path: "evaluation/create/humaneval-x/data/rust/data/humanevalpack.jsonl",
                upstream: "evaluation/create/humaneval-x/data/rust/data/humanevalpack.jsonl",
                bytes: 497152,
                sha256: "01ece28eaf490d7af037ce53095083dacfd38022cf5b82662ccb78024dc269a1",
            },
            DataFile {
                path: "LICENSE",
                upstream: "LICENSE",
                bytes: 1068,
                sha256: "3b7c23d92d638156be8b3fbb40b702fe2585dd540f5c0d9de0ee5542145416e8",
            },
        ],
    },
    DataSet {
        name: "cruxeval",
        repository: "facebookresearch/cruxeval",
        commit: "190faf16d175b5847b0af05d937872b1fb395942",
        licence: "MIT",
        files: &[
            DataFile {
                path: "cruxeval.jsonl",
                upstream: "data/cruxeval.jsonl",
                bytes: 186873,
                sha256: "8368b81047dc5014e4caf5a2f97604eff7644e0ecd7415e3ceeb184bbc2e0c96",
            },
            DataFile {
                path: "LICENSE",
                upstream: "LICENSE",
                bytes: 1061,
                sha256: "055ca9e3fa33562173156e02e2350ceff4089deab480b368a849b6bc04f09719",
            },
        ],
    },
];

/// A file of a data set cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// It is in none of the directories.
    #[error("no `{file}` of the data set `{set}` {}; get it with `prentice eval fetch {set}`", places(looked))]
    NotFound {
        /// Data set.
        set: &'static str,
        /// Path below the data set's folder.
        file: &'static str,
        /// Where it was looked for, in order.
        looked: Vec<PathBuf>,
    },
    /// It is not the file that upstream published.
    #[error(
        "{} is not the published file: its sha256 is {found}, expected {expected}; delete it and run \
         `prentice eval fetch {set}`",
        path.display()
    )]
    Digest {
        /// Data set.
        set: &'static str,
        /// The file.
        path: PathBuf,
        /// The pinned digest.
        expected: &'static str,
        /// The digest of what is there.
        found: String,
    },
    /// It is there and cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
}

/// A data set cannot be fetched. Files that were fetched before the failure stay; they are whole.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The machine has no program for downloads.
    #[error("neither `curl` nor `wget` is on this machine to download {address}; {}", by_hand(path))]
    NoTool {
        /// Where the file is.
        address: String,
        /// Where it belongs.
        path: PathBuf,
    },
    /// The download failed.
    #[error("cannot download {address}: {detail}; {}", by_hand(path))]
    Download {
        /// Where the file is.
        address: String,
        /// Where it belongs.
        path: PathBuf,
        /// What the downloading program says.
        detail: String,
    },
    /// Something else came than upstream published.
    #[error(
        "{address} gave {found_bytes} bytes with sha256 {found}, expected {bytes} bytes with sha256 {expected}; {}",
        by_hand(path)
    )]
    Digest {
        /// Where the file is.
        address: String,
        /// Where it belongs.
        path: PathBuf,
        /// The pinned size.
        bytes: u64,
        /// The size of what came.
        found_bytes: u64,
        /// The pinned digest.
        expected: &'static str,
        /// The digest of what came.
        found: String,
    },
    /// A file or folder cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
}

fn places(looked: &[PathBuf]) -> String {
    if looked.is_empty() {
        return "anywhere, since no data directory is given".to_owned();
    }
    let places: Vec<String> = looked.iter().map(|path| path.display().to_string()).collect();
    format!("at {}", places.join(" or "))
}

fn by_hand(path: &Path) -> String {
    format!("try again, or get the file by other means and place it as {}", path.display())
}

/// What a fetch did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The data set's folder.
    pub folder: PathBuf,
    /// Files downloaded.
    pub downloaded: usize,
    /// Files that were there already, whole and with the right digest.
    pub kept: usize,
}

impl DataSet {
    /// The data set of that name.
    pub fn named(name: &str) -> Option<&'static DataSet> {
        DATA_SETS.iter().find(|set| set.name == name)
    }

    /// Where a file of this set is published; `base` stands in for the public host, as a mirror does.
    pub fn address(&self, file: &DataFile, base: Option<&str>) -> String {
        let base = base.unwrap_or(UPSTREAM).trim_end_matches('/');
        format!("{base}/{}/{}/{}", self.repository, self.commit, file.upstream)
    }

    /// Reads the file at `path` below the set's folder from the first directory that has it, and checks it.
    ///
    /// # Errors
    /// No directory has it, the first one found differs from what upstream published, or it cannot be read.
    ///
    /// # Panics
    /// The set has no file of that path, which is a mistake of the caller.
    pub fn read(&self, path: &str, directories: &[PathBuf]) -> Result<Vec<u8>, DataError> {
        let file = self.file(path);
        let looked: Vec<PathBuf> = directories.iter().map(|directory| self.place(directory, file)).collect();
        let Some(path) = looked.iter().find(|path| path.exists()) else {
            return Err(DataError::NotFound { set: self.name, file: file.path, looked });
        };
        let bytes = files::read(path)?;
        let found = sha256(&bytes);
        if found != file.sha256 {
            return Err(DataError::Digest { set: self.name, path: path.clone(), expected: file.sha256, found });
        }
        Ok(bytes)
    }

    /// The file at `path` below the set's folder; panics where there is none.
    pub(crate) fn file(&self, path: &str) -> &'static DataFile {
        let file = self.files.iter().find(|file| file.path == path);
        file.unwrap_or_else(|| panic!("the data set {} has no file {path}", self.name))
    }

    fn place(&self, directory: &Path, file: &DataFile) -> PathBuf {
        directory.join(self.name).join(file.path)
    }
}

/// Downloads what is missing of a data set into its folder in `directory`, and replaces what is damaged.
///
/// Every file appears whole and checked, or not at all. `base` stands in for the public host, as a mirror does, and may
/// be plain HTTP; otherwise curl is held to HTTPS.
///
/// # Errors
/// There is no program for downloads, a download fails or delivers something else, or a file cannot be written.
pub fn fetch(set: &DataSet, directory: &Path, base: Option<&str>, events: Events<'_>) -> Result<Fetched, FetchError> {
    let started = Instant::now();
    let stage = || "fetch".to_owned();
    events(Event::StageStarted { stage: stage(), detail: format!("{} from {}", set.name, set.repository) });
    let total = set.files.iter().map(|file| file.bytes).sum();
    let mut fetched = Fetched { folder: directory.join(set.name), downloaded: 0, kept: 0 };
    let mut done = 0;
    for file in set.files {
        let path = set.place(directory, file);
        if fs::read(&path).is_ok_and(|bytes| sha256(&bytes) == file.sha256) {
            fetched.kept += 1;
        } else {
            fetch_file(&set.address(file, base), file, &path, base.is_none(), &TOOLS)?;
            fetched.downloaded += 1;
        }
        done += file.bytes;
        events(Event::Progress { stage: stage(), done, total: Some(total), unit: "bytes".to_owned() });
    }
    let detail = format!("{} downloaded, {} already there", fetched.downloaded, fetched.kept);
    events(Event::StageFinished { stage: stage(), seconds: started.elapsed().as_secs_f64(), detail });
    Ok(fetched)
}

/// The programs for downloads, in order of preference.
const TOOLS: [Tool; 2] = [Tool::Curl, Tool::Wget];

#[derive(Clone, Copy, Debug)]
enum Tool {
    Curl,
    Wget,
}

impl Tool {
    /// The command that saves `address` as `path`. It gives up after three attempts, or when nothing comes for 30
    /// seconds; curl also when much more comes than expected.
    fn command(self, address: &str, path: &Path, bytes: u64, https_only: bool) -> Command {
        let mut command = match self {
            Tool::Curl => {
                let mut curl = Command::new("curl");
                curl.args(["--fail", "--location", "--silent", "--show-error", "--retry", "2"]);
                curl.args(["--connect-timeout", "30", "--speed-limit", "1", "--speed-time", "30", "--max-time", "600"]);
                curl.args(["--proto", if https_only { "=https" } else { "=https,http" }]);
                // Some room above the right size, so that a wrong file is named as such.
                curl.args(["--max-filesize", &(bytes + (64 << 10)).to_string()]);
                curl.arg("--output").arg(path).args(["--url", address]);
                curl
            }
            Tool::Wget => {
                let mut wget = Command::new("wget");
                wget.args(["--no-verbose", "--tries=3", "--timeout=30", "--output-document"]);
                wget.arg(path).args(["--", address]);
                wget
            }
        };
        command.stdin(Stdio::null());
        command
    }
}

fn fetch_file(address: &str, file: &DataFile, path: &Path, https_only: bool, tools: &[Tool]) -> Result<(), FetchError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    files::create_dir(folder)?;
    // The download lands beside its place and removes itself on every way out of this function.
    let partial = tempfile::Builder::new()
        .prefix(".partial-")
        .tempfile_in(folder)
        .map_err(FileError::new("create a file in", folder))?;
    let failed = |detail: String| FetchError::Download { address: address.to_owned(), path: path.to_owned(), detail };
    for tool in tools {
        let output = match tool.command(address, partial.path(), file.bytes, https_only).output() {
            Ok(output) => output,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(failed(format!("cannot start {tool:?}: {error}"))),
        };
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
            return Err(failed(if said.is_empty() { output.status.to_string() } else { said }));
        }
        let bytes = files::read(partial.path())?;
        let found = sha256(&bytes);
        if found != file.sha256 {
            return Err(FetchError::Digest {
                address: address.to_owned(),
                path: path.to_owned(),
                bytes: file.bytes,
                found_bytes: bytes.len() as u64,
                expected: file.sha256,
                found,
            });
        }
        return Ok(files::write_atomic(path, &bytes)?);
    }
    Err(FetchError::NoTool { address: address.to_owned(), path: path.to_owned() })
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead as _, BufReader, Write as _},
        net::TcpListener,
        thread,
    };

    use expect_test::expect;

    use super::*;

    const SET: DataSet = DataSet {
        name: "letters",
        repository: "owner/letters",
        commit: "c0ffee",
        licence: "MIT",
        files: &[
            DataFile {
                path: "a.txt",
                upstream: "src/a.txt",
                bytes: 2,
                sha256: "87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7",
            },
            DataFile {
                path: "data/b.txt",
                upstream: "b.txt",
                bytes: 2,
                sha256: "0263829989b6fd954f72baaf2fc64bc2e2f01d692d4de72986ea808f6e99813f",
            },
        ],
    };

    /// Serves `answer(path)`, status line to body, on a port of its own until the process ends.
    fn serve(answer: fn(&str) -> &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
                let request = lines.next().unwrap_or_default();
                lines.find(String::is_empty);
                let path = request.split(' ').nth(1).unwrap_or_default();
                let _ = stream.write_all(answer(path).as_bytes());
            }
        });
        base
    }

    fn good(path: &str) -> &'static str {
        match path {
            "/owner/letters/c0ffee/src/a.txt" => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\na\n",
            "/owner/letters/c0ffee/b.txt" => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nb\n",
            _ => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        }
    }

    fn list(directory: &Path) -> Vec<String> {
        let mut names = Vec::new();
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { names.extend(list(&path)) } else { names.push(path.display().to_string()) }
        }
        names.sort();
        names
    }

    #[test]
    fn fetches_what_is_missing_or_damaged_and_keeps_the_rest() {
        let directory = tempfile::tempdir().unwrap();
        let base = serve(good);
        let events = std::sync::Mutex::new(Vec::new());
        let counts = |()| {
            let fetched = fetch(&SET, directory.path(), Some(&base), &|event| events.lock().unwrap().push(event));
            fetched.map(|fetched| (fetched.downloaded, fetched.kept)).unwrap()
        };
        assert_eq!(counts(()), (2, 0));
        assert_eq!(counts(()), (0, 2));
        fs::write(directory.path().join("letters/data/b.txt"), "?\n").unwrap();
        assert_eq!(counts(()), (1, 1));
        assert_eq!(SET.read("data/b.txt", &[directory.path().to_owned()]).unwrap(), b"b\n");
        assert_eq!(list(directory.path()).len(), 2, "{:?}", list(directory.path()));
        let events = events.into_inner().unwrap();
        assert_eq!(events.iter().filter(|event| matches!(event, Event::Progress { .. })).count(), 6);
    }

    /// Fetching fails with this message and leaves no file at all behind.
    #[track_caller]
    fn check_failure(tools: &[Tool], answer: fn(&str) -> &'static str, expected: expect_test::Expect) {
        let directory = tempfile::tempdir().unwrap();
        let base = serve(answer);
        let path = directory.path().join("a.txt");
        let file = &SET.files[0];
        let error = fetch_file(&SET.address(file, Some(&base)), file, &path, false, tools).unwrap_err();
        let message = error.to_string().replace(&base, "BASE").replace(&directory.path().display().to_string(), "DIR");
        // What follows the status is worded differently from one version of curl to another.
        let message = match message.split_once(')') {
            Some((head, tail)) if head.contains("curl: (") => format!("{head}){}", &tail[tail.rfind(';').unwrap()..]),
            _ => message,
        };
        expected.assert_eq(&message);
        assert_eq!(list(directory.path()), [""; 0]);
    }

    #[expect(clippy::print_stderr, reason = "a skipped test says so")]
    fn has(tool: &str) -> bool {
        let found = Command::new(tool).arg("--version").output().is_ok();
        if !found {
            eprintln!("skipped: no {tool} on this machine");
        }
        found
    }

    #[test]
    fn failures_say_what_to_do_and_leave_nothing() {
        if !has("curl") {
            return;
        }
        check_failure(
            &TOOLS,
            |_| "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nother",
            expect![
                "BASE/owner/letters/c0ffee/src/a.txt gave 5 bytes with sha256 d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa, expected 2 bytes with sha256 87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7; try again, or get the file by other means and place it as DIR/a.txt"
            ],
        );
        check_failure(
            &TOOLS,
            |_| good("nothing"),
            expect![
                "cannot download BASE/owner/letters/c0ffee/src/a.txt: curl: (22); try again, or get the file by other means and place it as DIR/a.txt"
            ],
        );
        check_failure(
            &TOOLS,
            |_| "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\na",
            expect![
                "cannot download BASE/owner/letters/c0ffee/src/a.txt: curl: (18); try again, or get the file by other means and place it as DIR/a.txt"
            ],
        );
        check_failure(
            &[],
            good,
            expect![
                "neither `curl` nor `wget` is on this machine to download BASE/owner/letters/c0ffee/src/a.txt; try again, or get the file by other means and place it as DIR/a.txt"
            ],
        );
    }

    #[test]
    fn wget_serves_where_there_is_no_curl() {
        if !has("wget") {
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.txt");
        let file = &SET.files[0];
        fetch_file(&SET.address(file, Some(&serve(good))), file, &path, false, &[Tool::Wget]).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"a\n");
        let missing = SET.address(file, Some(&serve(|_| good("nothing"))));
        let error = fetch_file(&missing, file, &directory.path().join("b.txt"), false, &[Tool::Wget]).unwrap_err();
        assert!(error.to_string().contains("404"), "{error}");
        assert_eq!(list(directory.path()).len(), 1);
    }

    #[test]
    fn without_a_mirror_only_https_is_spoken() {
        if !has("curl") {
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let file = &SET.files[0];
        let address = SET.address(file, Some(&serve(good)));
        let error = fetch_file(&address, file, &directory.path().join("a.txt"), true, &[Tool::Curl]).unwrap_err();
        assert!(matches!(error, FetchError::Download { .. }), "{error}");
        assert!(DATA_SETS.iter().flat_map(|set| set.files).all(|file| SET.address(file, None).starts_with("https://")));
    }

    #[test]
    fn reading_looks_in_order_and_checks() {
        let first = tempfile::tempdir().unwrap();
        let second = tempfile::tempdir().unwrap();
        let directories = [first.path().to_owned(), second.path().to_owned()];
        let message = |directories: &[PathBuf]| {
            let message = SET.read("a.txt", directories).unwrap_err().to_string();
            message
                .replace(&first.path().display().to_string(), "FIRST")
                .replace(&second.path().display().to_string(), "SECOND")
        };
        expect!["no `a.txt` of the data set `letters` at FIRST/letters/a.txt or SECOND/letters/a.txt; get it with `prentice eval fetch letters`"].assert_eq(&message(&directories));
        expect!["no `a.txt` of the data set `letters` anywhere, since no data directory is given; get it with `prentice eval fetch letters`"].assert_eq(&message(&[]));
        fs::create_dir(second.path().join("letters")).unwrap();
        fs::write(second.path().join("letters/a.txt"), "a\n").unwrap();
        assert_eq!(SET.read("a.txt", &directories).unwrap(), b"a\n");
        fs::create_dir(first.path().join("letters")).unwrap();
        fs::write(first.path().join("letters/a.txt"), "x\n").unwrap();
        expect!["FIRST/letters/a.txt is not the published file: its sha256 is 73cb3858a687a8494ca3323053016282f3dad39d42cf62ca4e79dda2aac7d9ac, expected 87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7; delete it and run `prentice eval fetch letters`"].assert_eq(&message(&directories));
    }

    #[test]
    fn the_table_is_well_formed() {
        for set in DATA_SETS {
            assert!(set.commit.len() == 40 && set.files.iter().any(|file| file.path == "LICENSE"), "{}", set.name);
            for file in set.files {
                let folded = file.sha256.chars().all(|digit| digit.is_ascii_digit() || ('a'..='f').contains(&digit));
                assert!(file.sha256.len() == 64 && folded && file.bytes > 0, "{}", file.path);
            }
        }
        expect!["https://raw.githubusercontent.com/openai/human-eval/6d43fb980f9fee3c892a914eda09951f772ad10d/data/HumanEval.jsonl.gz"]
            .assert_eq(&DATA_SETS[0].address(&DATA_SETS[0].files[0], None));
    }
}
