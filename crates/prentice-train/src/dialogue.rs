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
//! A response with `"weight": 0` is not learnt (as in OpenAI's fine-tuning format): a wrong first try, for example.
//!
//! What a line lacks is an error that names file, line and field, since a data set that is half understood trains
//! something else. Only empty responses and over-long examples may be passed over, by choice, and are counted.

use std::{
    cell::Cell,
    path::{Path, PathBuf},
};

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
        /// What is wrong with it.
        problem: LineProblem,
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

/// What is wrong with a line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineProblem {
    /// It is not JSON, or a field is not what it should be.
    #[error("{0}")]
    Malformed(String),
    /// Its conversation cannot be spelt.
    #[error(transparent)]
    Chat(#[from] ChatError),
    /// A response is empty.
    #[error("the response is empty")]
    Empty,
    /// It is too long, or nothing of a response is left of it.
    #[error("the example has {tokens} tokens, at most {limit} are allowed")]
    TooLong {
        /// Its tokens.
        tokens: usize,
        /// Tokens allowed.
        limit: usize,
    },
}

impl ExampleError {
    /// What the user can do.
    pub fn hint(&self) -> String {
        match self {
            Self::File(_) => "check the path and its permissions".into(),
            Self::Line { problem: LineProblem::Malformed(_), .. } => {
                r#"each line is an object, such as {"prompt": "...", "response": "..."}; pairs have "chosen" and "rejected", labelled examples "label""#.into()
            }
            Self::Line { problem: LineProblem::Chat(error), .. } => error.hint(),
            Self::Line { problem: LineProblem::Empty, .. } => {
                "remove the line, or have empty responses passed over".into()
            }
            Self::Line { problem: LineProblem::TooLong { .. }, .. } => {
                "have over-long examples dropped or truncated".into()
            }
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
        let weightless = line.weightless()?;
        let mut tokens = line.encode(&messages, false)?;
        tokens.unmark(&weightless);
        if !tokens.is_response.contains(&true) {
            return Err(match line.truncated.get() {
                true => LineProblem::TooLong { tokens: tokens.ids.len() + 1, limit: options.max_tokens },
                false => LineProblem::Malformed("every response has the weight 0".into()),
            });
        }
        Ok(tokens)
    })
}

/// Reads pairs of responses.
///
/// # Errors
/// Names the file, the line and the field; or nothing is left.
pub fn read_pairs(path: &Path, chat: &Chat, options: &ReadOptions) -> Result<Examples<Pair>, ExampleError> {
    read(path, chat, options, |line| {
        // What a policy passes over must be well-formed all the same, so everything is read before anything is encoded.
        let (chosen, rejected) = (line.with_prompt("chosen")?, line.with_prompt("rejected")?);
        Ok(Pair { chosen: line.encode(&chosen, true)?, rejected: line.encode(&rejected, true)? })
    })
}

/// Reads labelled responses.
///
/// # Errors
/// Names the file, the line and the field; or nothing is left.
pub fn read_labelled(path: &Path, chat: &Chat, options: &ReadOptions) -> Result<Examples<Labelled>, ExampleError> {
    read(path, chat, options, |line| {
        let messages = line.with_prompt(line.response_field()?)?;
        let desirable = match line.field("label")? {
            Value::Bool(desirable) => *desirable,
            other => return Err(wrong("label", "true or false", other)),
        };
        Ok(Labelled { tokens: line.encode(&messages, true)?, desirable })
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

/// One line of a file.
struct Line<'a> {
    fields: Map<String, Value>,
    chat: &'a Chat<'a>,
    options: &'a ReadOptions,
    truncated: Cell<bool>,
}

fn read<E>(
    path: &Path,
    chat: &Chat,
    options: &ReadOptions,
    example: impl Fn(&Line) -> Result<E, LineProblem>,
) -> Result<Examples<E>, ExampleError> {
    let bytes = files::read(path)?;
    let mut result = Examples { examples: Vec::new(), empty: 0, dropped: 0, truncated: 0 };
    for (index, text) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if text.trim_ascii().is_empty() {
            continue;
        }
        let found = parse(text).and_then(|fields| {
            let line = Line { fields, chat, options, truncated: Cell::new(false) };
            example(&line).map(|example| (example, line.truncated.get()))
        });
        match found {
            Ok((example, truncated)) => {
                result.examples.push(example);
                result.truncated += u64::from(truncated);
            }
            Err(LineProblem::Empty) if options.empty == EmptyResponse::Skip => result.empty += 1,
            Err(LineProblem::TooLong { .. }) if options.over_long != OverLong::Fail => result.dropped += 1,
            Err(problem) => return Err(ExampleError::Line { path: path.to_owned(), line: index + 1, problem }),
        }
    }
    if result.examples.is_empty() {
        return Err(ExampleError::NoExamples { path: path.to_owned(), empty: result.empty, dropped: result.dropped });
    }
    Ok(result)
}

fn parse(line: &[u8]) -> Result<Map<String, Value>, LineProblem> {
    match serde_json::from_slice(line) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(other) => Err(LineProblem::Malformed(format!("is {}, not an object", kind(&other)))),
        // The parser counts lines too, and sees only one.
        Err(error) => {
            let error = error.to_string().replace(" line 1 column ", " column ");
            Err(LineProblem::Malformed(format!("is not JSON: {error}")))
        }
    }
}

fn wrong(field: &str, wanted: &str, found: &Value) -> LineProblem {
    LineProblem::Malformed(format!("field `{field}` is {}, expected is {wanted}", kind(found)))
}

fn missing(field: &str) -> LineProblem {
    LineProblem::Malformed(format!("field `{field}` is missing"))
}

impl Line<'_> {
    fn field(&self, name: &str) -> Result<&Value, LineProblem> {
        self.fields.get(name).ok_or_else(|| missing(name))
    }

    /// Either of the two names that data sets use.
    fn response_field(&self) -> Result<&'static str, LineProblem> {
        match (self.fields.contains_key("response"), self.fields.contains_key("completion")) {
            (true, true) => Err(LineProblem::Malformed("has both fields `response` and `completion`".into())),
            (false, true) => Ok("completion"),
            (_, false) => Ok("response"),
        }
    }

    /// The prompt, followed by the response in field `name`; a list of messages may hold both.
    fn with_prompt(&self, name: &str) -> Result<Vec<Message>, LineProblem> {
        let is_whole = !self.fields.contains_key("prompt") && self.fields.get(name).is_some_and(Value::is_array);
        let mut messages = if is_whole { Vec::new() } else { self.messages("prompt", Role::User)? };
        messages.extend(self.messages(name, Role::Assistant)?);
        Ok(messages)
    }

    /// The messages in a field, or its text as one message of `role`.
    fn messages(&self, name: &str, role: Role) -> Result<Vec<Message>, LineProblem> {
        let array = match self.field(name)? {
            Value::String(content) if name != "messages" => {
                return Ok(vec![Message { role, content: content.clone() }]);
            }
            Value::Array(array) => array,
            other if name == "messages" => return Err(wrong(name, "a list of messages", other)),
            other => return Err(wrong(name, "a text or a list of messages", other)),
        };
        array.iter().enumerate().map(|(index, message)| self.message(&format!("{name}[{index}]"), message)).collect()
    }

    fn message(&self, place: &str, message: &Value) -> Result<Message, LineProblem> {
        let Value::Object(fields) = message else { return Err(wrong(place, "a message", message)) };
        let text = |name: &str| match fields.get(name) {
            Some(Value::String(text)) => Ok(text),
            Some(other) => Err(wrong(&format!("{place}.{name}"), "a text", other)),
            None => Err(missing(&format!("{place}.{name}"))),
        };
        let role = match text("role")?.as_str() {
            "system" => Role::System,
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "tool" => Role::Tool,
            other => {
                return Err(LineProblem::Malformed(format!(
                    "field `{place}.role` is `{other}`, expected is `system`, `user` or `assistant`"
                )));
            }
        };
        Ok(Message { role, content: text("content")?.clone() })
    }

    /// The responses, counted from 0, that are not to be learnt.
    fn weightless(&self) -> Result<Vec<usize>, LineProblem> {
        let messages = self.fields.get("messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let responses = messages.iter().enumerate().filter(|(_, message)| message["role"] == "assistant");
        let mut found = Vec::new();
        for (number, (index, response)) in responses.enumerate() {
            match response.get("weight").map(|weight| (weight.as_f64(), weight)) {
                None | Some((Some(1.0), _)) => {}
                Some((Some(0.0), _)) => found.push(number),
                Some((_, other)) => return Err(wrong(&format!("messages[{index}].weight"), "0 or 1", other)),
            }
        }
        Ok(found)
    }

    /// The tokens of a conversation up to its last response. With `last_only`, only that one stays marked.
    fn encode(&self, messages: &[Message], last_only: bool) -> Result<ChatTokens, LineProblem> {
        let mut responses = messages.iter().filter(|message| message.role == Role::Assistant).peekable();
        if responses.peek().is_none() {
            return Err(LineProblem::Malformed("no message has the role `assistant`".into()));
        }
        if responses.any(|message| message.content.trim().is_empty()) {
            return Err(LineProblem::Empty);
        }
        let mut tokens = self.chat.encode(messages)?;
        if last_only {
            tokens.mark_last_response_only();
        }
        tokens.truncate(tokens.end_of_responses());
        let (length, limit) = (tokens.ids.len(), self.options.max_tokens);
        if length > limit {
            let may_truncate = self.options.over_long == OverLong::Truncate;
            tokens.truncate(if may_truncate { limit } else { 0 });
            tokens.truncate(tokens.end_of_responses());
            if tokens.ids.is_empty() {
                return Err(LineProblem::TooLong { tokens: length, limit });
            }
            self.truncated.set(true);
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
