//! The wire formats, as the upstream clients write and read them.
//!
//! | Route | Client | Source read |
//! |---|---|---|
//! | `/run_code` | SandboxFusion, verl | `sandbox/server/sandbox_api.py` at 469de084; `verl/utils/reward_score/sandbox_fusion/utils.py` at b178a3cd |
//! | `/get_reward` | OpenRLHF | `openrlhf/utils/agent.py` and `openrlhf/cli/serve_rm.py` at 3c3be623 |
//! | `/remote_rm` | slime | `slime/rollout/rm_hub/__init__.py` at 624b824a |
//! | `/compute_score` | our file for verl | [`crate::compute_score_file`] |
//!
//! Fields that are not listed are ignored. Deviations from SandboxFusion: `compile_timeout` and `run_timeout` are CPU
//! time (a loaded machine must not turn a right program into a wrong one), with four more seconds of elapsed time;
//! what a compiler prints about a program that it accepts is not returned; files are written and fetched only
//! below the working directory; and of its 29 languages we run seven ([`LANGUAGES`]).

use std::{
    collections::BTreeMap,
    path::{Component, Path},
    time::Duration,
};

use prentice_sandbox::Language;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    judge::{CommandResult, RewardRequest, RunRequest, RunResult},
    label::Label,
    program::response_of,
};

/// SandboxFusion's names of the languages that we run, and `c`.
pub(crate) const LANGUAGES: [(&str, Language); 7] = [
    ("python", Language::Python),
    ("nodejs", Language::JavaScript),
    ("rust", Language::Rust),
    ("c", Language::C),
    ("cpp", Language::Cpp),
    ("go", Language::Go),
    ("java", Language::Java),
];

/// A language by its name on the wire.
pub(crate) fn language(name: &str) -> Result<Language, String> {
    let found = LANGUAGES.iter().find(|(known, _)| *known == name);
    found
        .map(|(_, language)| *language)
        .ok_or_else(|| format!("has the language `{name}`; known are {}", LANGUAGES.map(|(known, _)| known).join(", ")))
}

/// SandboxFusion's `RunCodeRequest`.
#[derive(Debug, Deserialize)]
pub(crate) struct RunCodeBody {
    code: String,
    language: String,
    #[serde(default)]
    stdin: Option<String>,
    #[serde(default = "ten_seconds")]
    compile_timeout: f64,
    #[serde(default = "ten_seconds")]
    run_timeout: f64,
    /// In MiB; nothing, or below zero: the default.
    #[serde(default, rename = "memory_limit_MB")]
    memory_limit: Option<i64>,
    /// Content in base64, by path.
    #[serde(default)]
    files: BTreeMap<String, Option<String>>,
    #[serde(default)]
    fetch_files: Vec<String>,
}

fn ten_seconds() -> f64 {
    10.0
}

impl RunCodeBody {
    /// What is asked for, with no timeout above `longest`.
    pub(crate) fn request(self, longest: Duration) -> Result<RunRequest, String> {
        let language = language(&self.language).map_err(|message| format!("the request {message}"))?;
        let timeout = |name: &str, seconds: f64| {
            let duration = Duration::try_from_secs_f64(seconds).ok();
            duration.filter(|duration| !duration.is_zero() && *duration <= longest).ok_or_else(|| {
                format!("`{name}` is {seconds}; it must be above 0 and at most {} seconds", longest.as_secs_f64())
            })
        };
        let memory_bytes = match self.memory_limit {
            Some(0) => return Err("`memory_limit_MB` is 0; give a positive number, or -1 for the default".to_owned()),
            Some(megabytes) if megabytes > 0 => Some((megabytes as u64).saturating_mul(1 << 20)),
            _ => None,
        };
        let file = |(path, content): (String, Option<String>)| {
            check_path("files", &path)?;
            let content = base64::decode(content.unwrap_or_default())
                .map_err(|error| format!("`files[\"{path}\"]` is no base64: {error}"))?;
            Ok((path, content))
        };
        for path in &self.fetch_files {
            check_path("fetch_files", path)?;
        }
        Ok(RunRequest {
            language,
            compile_timeout: timeout("compile_timeout", self.compile_timeout)?,
            run_timeout: timeout("run_timeout", self.run_timeout)?,
            memory_bytes,
            code: self.code,
            stdin: self.stdin.unwrap_or_default(),
            // SandboxFusion passes over files without content.
            files: self
                .files
                .into_iter()
                .filter(|(_, content)| content.is_some())
                .map(file)
                .collect::<Result<_, String>>()?,
            fetch_files: self.fetch_files,
        })
    }
}

/// Paths come from the request and lead to files of the host: only plain ones below the working directory are allowed.
fn check_path(field: &str, path: &str) -> Result<(), String> {
    let is_plain = |component| matches!(component, Component::Normal(_));
    if !path.is_empty() && !path.contains('\0') && Path::new(path).components().all(is_plain) {
        Ok(())
    } else {
        Err(format!("`{field}` has the path {path:?}; it must be relative, without `.` and `..`"))
    }
}

/// SandboxFusion's `RunCodeResponse`. `status` is never its `SandboxError`: that is an HTTP status of ours, see
/// [`crate::serve()`].
#[derive(Debug, Serialize)]
pub(crate) struct RunCodeReply {
    status: &'static str,
    message: String,
    compile_result: Option<CommandReply>,
    run_result: Option<CommandReply>,
    executor_pod_name: Option<String>,
    files: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
struct CommandReply {
    status: &'static str,
    execution_time: f64,
    return_code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl From<RunResult> for RunCodeReply {
    fn from(result: RunResult) -> Self {
        let succeeded = [&result.compile, &result.run].into_iter().flatten().all(CommandResult::succeeded);
        let reply = |command: CommandResult| CommandReply {
            status: if command.return_code.is_some() { "Finished" } else { "TimeLimitExceeded" },
            execution_time: command.wall.as_secs_f64(),
            return_code: command.return_code,
            stdout: command.stdout,
            stderr: command.stderr,
        };
        Self {
            status: if succeeded { "Success" } else { "Failed" },
            message: String::new(),
            compile_result: result.compile.map(reply),
            run_result: result.run.map(reply),
            executor_pod_name: None,
            files: result.files.into_iter().map(|(path, content)| (path, base64::encode(content))).collect(),
        }
    }
}

/// OpenRLHF's request: parallel lists. With more servers than samples, some of them get empty lists.
#[derive(Debug, Deserialize)]
pub(crate) struct GetRewardBody {
    /// Prompt and response together, as decoded.
    query: Vec<String>,
    prompts: Vec<String>,
    labels: Vec<Value>,
}

impl GetRewardBody {
    pub(crate) fn requests(self) -> Result<Vec<RewardRequest>, String> {
        let lengths = (self.query.len(), self.prompts.len(), self.labels.len());
        if lengths.0 != lengths.1 || lengths.0 != lengths.2 {
            let (query, prompts, labels) = lengths;
            return Err(format!("there are {query} in `query`, {prompts} in `prompts` and {labels} in `labels`"));
        }
        let request = |(index, ((query, prompt), label)): (usize, ((&String, &String), &Value))| {
            let response = response_of(query, prompt).ok_or_else(|| {
                format!("`query[{index}]` does not hold `prompts[{index}]`: the response in it cannot be told from the prompt")
            })?;
            let label = Label::parse(label, None).map_err(|message| format!("`labels[{index}]` {message}"))?;
            Ok(RewardRequest { response: response.to_owned(), label })
        };
        self.query.iter().zip(&self.prompts).zip(&self.labels).enumerate().map(request).collect()
    }
}

/// What OpenRLHF reads: `scores` are for its dynamic filtering, `extra_logs` for its log.
#[derive(Debug, Serialize)]
pub(crate) struct GetRewardReply {
    pub(crate) rewards: Vec<f64>,
    pub(crate) scores: Vec<f64>,
    pub(crate) extra_logs: BTreeMap<String, Vec<f64>>,
}

/// slime's request; `prompt` may be a string or a list of messages, and is not needed. The reply is the bare number,
/// since slime takes the whole of it as the reward.
#[derive(Debug, Deserialize)]
pub(crate) struct RemoteRmBody {
    response: String,
    label: Value,
}

impl RemoteRmBody {
    pub(crate) fn request(self) -> Result<RewardRequest, String> {
        let label = Label::parse(&self.label, None).map_err(|message| format!("`label` {message}"))?;
        Ok(RewardRequest { response: self.response, label })
    }
}

/// The arguments of verl's `compute_score`.
#[derive(Debug, Deserialize)]
pub(crate) struct ComputeScoreBody {
    solution_str: String,
    ground_truth: Value,
    #[serde(default)]
    language: Option<String>,
}

impl ComputeScoreBody {
    pub(crate) fn request(self) -> Result<RewardRequest, String> {
        let label = Label::parse(&self.ground_truth, self.language.as_deref());
        let label = label.map_err(|message| format!("`ground_truth` {message}"))?;
        Ok(RewardRequest { response: self.solution_str, label })
    }
}

/// What the file for verl reads.
#[derive(Debug, Serialize)]
pub(crate) struct ComputeScoreReply {
    pub(crate) score: f64,
}
