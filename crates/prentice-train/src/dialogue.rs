//! Examples to fine-tune on, from JSON lines.
//!
//! | For | Fields |
//! |---|---|
//! | supervised | `prompt`, `response` (or `completion`); or `messages` |
//! | pairs | `prompt`, `chosen`, `rejected` |
//! | labels | `prompt`, `response` (or `completion`), `label` |
//!
//! `prompt`, `response`, `chosen` and `rejected` are texts or lists of messages (`{"role", "content"}`), as TRL has them;
//! of lists, pairs may leave out the prompt. Other fields are passed over, and so are blank lines. Of a supervised
//! conversation every response is learnt; of the others only the last one is judged.
//!
//! What a line lacks is an error that names file, line and field, since a data set that is half understood trains
//! something else. Only empty responses and over-long examples may be passed over, by choice, and are counted.

use std::path::{Path, PathBuf};

use prentice_base::{ContentHash, FileError, HashWriter, Message, Role, files};
use prentice_tokens::chat::{Chat, ChatError, ChatTokens};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What becomes of an example that is longer than the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OverLong {
    /// It is passed over.
    Drop,
    /// It loses its end. Where nothing of a response is left, it is passed over.
    Truncate,
    /// It is an error.
    Fail,
}

/// What becomes of an example with an empty response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmptyResponse {
    /// It is passed over.
    Skip,
    /// It is an error.
    Fail,
}

/// How examples are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadOptions {
    /// Most tokens of an example; at most the model's context.
    pub max_tokens: usize,
    /// What becomes of longer ones.
    pub over_long: OverLong,
    /// What becomes of empty responses.
    pub empty: EmptyResponse,
}

/// Two responses to a prompt; of each, only the last response is marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The conversation with the better response.
    pub chosen: ChatTokens,
    /// That with the other.
    pub rejected: ChatTokens,
}

/// A response with a judgement; only the last response is marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labelled {
    /// The conversation.
    pub tokens: ChatTokens,
    /// Whether the response is good.
    pub desirable: bool,
}

/// Examples, and what was passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examples<E> {
    /// The examples, in the order of the file.
    pub examples: Vec<E>,
    /// Lines passed over since a response is empty.
    pub empty: u64,
    /// Lines passed over since they are too long.
    pub dropped: u64,
    /// Lines that lost their end.
    pub truncated: u64,
}

/// Examples cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ExampleError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A line is not what it should be.
    #[error("{}, line {line}: {problem}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong, and with which field.
        problem: String,
    },
    /// The conversation of a line cannot be spelt.
    #[error("{}, line {line}: {source}", path.display())]
    Chat {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Why not.
        source: ChatError,
    },
    /// A response is empty, and that is not allowed.
    #[error("{}, line {line}: the response is empty", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// An example is too long, and that is not allowed.
    #[error("{}, line {line}: the example has {tokens} tokens, at most {limit} are allowed", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Its tokens.
        tokens: usize,
        /// Tokens allowed.
        limit: usize,
    },
    /// Nothing is left to train on.
    #[error("{} has no examples: {empty} with an empty response and {dropped} too long were passed over", path.display())]
    NoExamples {
        /// The file.
        path: PathBuf,
        /// Passed over since a response is empty.
        empty: u64,
        /// Passed over since they are too long.
        dropped: u64,
    },
}

impl ExampleError {
    /// What the user can do.
    pub fn hint(&self) -> String {
        match self {
            Self::File(_) => "check the path and its permissions".into(),
            Self::Line { .. } => {
                r#"each line is a JSON object, such as {"prompt": "...", "response": "..."}; pairs have "chosen" and "rejected", labelled examples "label""#.into()
            }
            Self::Chat { source, .. } => source.hint(),
            Self::Empty { .. } => "remove the line, or have empty responses passed over".into(),
            Self::TooLong { .. } => "have over-long examples dropped or truncated, or raise the limit".into(),
            Self::NoExamples { .. } => "check the file, and the limit on the length of examples".into(),
        }
    }
}

/// Reads examples of supervised fine-tuning.
///
/// # Errors
/// Names the file, the line and the field; or nothing is left.
pub fn read_dialogues(path: &Path, chat: &Chat, options: &ReadOptions) -> Result<Examples<ChatTokens>, ExampleError> {
    read(path, chat, options, |line| {
        let messages = if line.fields.contains_key("messages") {
            line.messages("messages", Role::Assistant)?
        } else {
            line.with_prompt(line.response_field()?)?
        };
        line.encode(&messages, false)
    })
}

/// Reads pairs of responses.
///
/// # Errors
/// Names the file, the line and the field; or nothing is left.
pub fn read_pairs(path: &Path, chat: &Chat, options: &ReadOptions) -> Result<Examples<Pair>, ExampleError> {
    read(path, chat, options, |line| {
        let chosen = line.encode(&line.with_prompt("chosen")?, true)?;
        let rejected = line.encode(&line.with_prompt("rejected")?, true)?;
        Ok(Pair { chosen, rejected })
    })
}

/// Reads labelled responses.
///
/// # Errors
/// Names the file, the line and the field; or nothing is left.
pub fn read_labelled(path: &Path, chat: &Chat, options: &ReadOptions) -> Result<Examples<Labelled>, ExampleError> {
    read(path, chat, options, |line| {
        let tokens = line.encode(&line.with_prompt(line.response_field()?)?, true)?;
        match line.field("label")? {
            Value::Bool(desirable) => Ok(Labelled { tokens, desirable: *desirable }),
            other => Err(line.wrong("label", "true or false", other)),
        }
    })
}

/// The digest of examples that say the same, for the identity of a run.
pub fn digest<'e>(conversations: impl IntoIterator<Item = &'e ChatTokens>) -> ContentHash {
    let mut hasher = HashWriter::new();
    for tokens in conversations {
        let ids: Vec<u8> = tokens.ids.iter().flat_map(|id| id.to_le_bytes()).collect();
        let marks: Vec<u8> = tokens.is_response.iter().map(|is_response| u8::from(*is_response)).collect();
        hasher.field(&ids).field(&marks);
    }
    hasher.finish()
}

/// Why a line gives no example.
enum Refusal {
    Passed(Passed),
    Error(ExampleError),
}

enum Passed {
    Empty,
    TooLong,
}

/// One line of the file, as far as it is understood.
struct Line<'a> {
    path: &'a Path,
    number: usize,
    fields: Map<String, Value>,
    chat: &'a Chat<'a>,
    options: &'a ReadOptions,
    truncated: std::cell::Cell<bool>,
}

fn read<E>(
    path: &Path,
    chat: &Chat,
    options: &ReadOptions,
    example: impl Fn(&Line) -> Result<E, Refusal>,
) -> Result<Examples<E>, ExampleError> {
    let bytes = files::read(path)?;
    let mut result = Examples { examples: Vec::new(), empty: 0, dropped: 0, truncated: 0 };
    for (index, text) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if text.trim_ascii().is_empty() {
            continue;
        }
        let number = index + 1;
        let problem = |problem| ExampleError::Line { path: path.to_owned(), line: number, problem };
        let fields = match serde_json::from_slice(text) {
            Ok(Value::Object(fields)) => fields,
            Ok(other) => return Err(problem(format!("is {}, not an object", kind(&other)))),
            // The parser counts lines too, and sees only one.
            Err(error) => {
                return Err(problem(format!(
                    "is not JSON: {}",
                    error.to_string().replace(" line 1 column ", " column ")
                )));
            }
        };
        let line = Line { path, number, fields, chat, options, truncated: false.into() };
        match example(&line) {
            Ok(example) => {
                result.examples.push(example);
                result.truncated += u64::from(line.truncated.get());
            }
            Err(Refusal::Passed(Passed::Empty)) => result.empty += 1,
            Err(Refusal::Passed(Passed::TooLong)) => result.dropped += 1,
            Err(Refusal::Error(error)) => return Err(error),
        }
    }
    if result.examples.is_empty() {
        return Err(ExampleError::NoExamples { path: path.to_owned(), empty: result.empty, dropped: result.dropped });
    }
    Ok(result)
}

impl Line<'_> {
    fn refuse(&self, problem: String) -> Refusal {
        Refusal::Error(ExampleError::Line { path: self.path.to_owned(), line: self.number, problem })
    }

    fn wrong(&self, field: &str, wanted: &str, found: &Value) -> Refusal {
        self.refuse(format!("field `{field}` is {}, expected is {wanted}", kind(found)))
    }

    fn field(&self, name: &str) -> Result<&Value, Refusal> {
        self.fields.get(name).ok_or_else(|| self.refuse(format!("field `{name}` is missing")))
    }

    /// Either of the two names that data sets use.
    fn response_field(&self) -> Result<&'static str, Refusal> {
        match (self.fields.contains_key("response"), self.fields.contains_key("completion")) {
            (true, true) => Err(self.refuse("has both fields `response` and `completion`".into())),
            (false, true) => Ok("completion"),
            (_, false) => Ok("response"),
        }
    }

    /// The prompt, followed by the response in field `name`; a list of messages may hold both.
    fn with_prompt(&self, name: &str) -> Result<Vec<Message>, Refusal> {
        let is_whole = !self.fields.contains_key("prompt") && self.fields.get(name).is_some_and(Value::is_array);
        let mut messages = if is_whole { Vec::new() } else { self.messages("prompt", Role::User)? };
        messages.extend(self.messages(name, Role::Assistant)?);
        Ok(messages)
    }

    /// The messages in a field, or its text as one message of `role`.
    fn messages(&self, name: &str, role: Role) -> Result<Vec<Message>, Refusal> {
        let array = match self.field(name)? {
            Value::String(content) if name != "messages" => {
                return Ok(vec![Message { role, content: content.clone() }]);
            }
            Value::Array(array) => array,
            other if name == "messages" => return Err(self.wrong(name, "a list of messages", other)),
            other => return Err(self.wrong(name, "a text or a list of messages", other)),
        };
        array.iter().enumerate().map(|(index, message)| self.message(&format!("{name}[{index}]"), message)).collect()
    }

    fn message(&self, place: &str, message: &Value) -> Result<Message, Refusal> {
        let Value::Object(fields) = message else { return Err(self.wrong(place, "a message", message)) };
        let text = |name: &str| match fields.get(name) {
            Some(Value::String(text)) => Ok(text),
            Some(other) => Err(self.wrong(&format!("{place}.{name}"), "a text", other)),
            None => Err(self.refuse(format!("field `{place}.{name}` is missing"))),
        };
        let role = match text("role")?.as_str() {
            "system" => Role::System,
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "tool" => Role::Tool,
            other => {
                let roles = "`system`, `user` or `assistant`";
                return Err(self.refuse(format!("field `{place}.role` is `{other}`, expected is {roles}")));
            }
        };
        Ok(Message { role, content: text("content")?.clone() })
    }

    /// The tokens of a conversation up to its last response. With `last_only`, only that one stays marked.
    fn encode(&self, messages: &[Message], last_only: bool) -> Result<ChatTokens, Refusal> {
        let place = || (self.path.to_owned(), self.number);
        let mut responses = messages.iter().filter(|message| message.role == Role::Assistant).peekable();
        if responses.peek().is_none() {
            return Err(self.refuse("no message has the role `assistant`".into()));
        }
        if responses.any(|message| message.content.trim().is_empty()) {
            return Err(match (self.options.empty, place()) {
                (EmptyResponse::Skip, _) => Refusal::Passed(Passed::Empty),
                (EmptyResponse::Fail, (path, line)) => Refusal::Error(ExampleError::Empty { path, line }),
            });
        }
        let mut tokens = self.chat.encode(messages).map_err(|source| {
            let (path, line) = place();
            Refusal::Error(ExampleError::Chat { path, line, source })
        })?;
        if last_only {
            tokens.mark_last_response_only();
        }
        let (length, limit) = (tokens.end_of_responses(), self.options.max_tokens);
        tokens.truncate(length);
        if length > limit {
            match (self.options.over_long, place()) {
                (OverLong::Drop, _) => return Err(Refusal::Passed(Passed::TooLong)),
                (OverLong::Fail, (path, line)) => {
                    return Err(Refusal::Error(ExampleError::TooLong { path, line, tokens: length, limit }));
                }
                (OverLong::Truncate, _) => {
                    tokens.truncate(limit);
                    tokens.truncate(tokens.end_of_responses());
                    if tokens.ids.is_empty() {
                        return Err(Refusal::Passed(Passed::TooLong));
                    }
                    self.truncated.set(true);
                }
            }
        }
        Ok(tokens)
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
