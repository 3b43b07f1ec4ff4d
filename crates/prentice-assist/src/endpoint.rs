//! An OpenAI-compatible endpoint that fills in the middle, in place of the small model: `POST BASE/completions` with
//! `prompt` and `suffix` (OpenAI's API reference, "Create completion"; vLLM, llama.cpp's server, Mistral and others
//! answer it).
//!
//! One line is asked for. How sure it is, is what the endpoint's `logprobs` say, where it sends them. An endpoint that
//! fails is left alone for a while, so that nobody waits for it at every key.
//!
//! Not covered: `https://` (a proxy on this machine can speak it), streaming, chat endpoints.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{RecvTimeoutError, channel},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// Bytes of the text before and after the cursor that are sent.
const BEFORE_BYTES: usize = 6144;
const AFTER_BYTES: usize = 2048;
/// Most tokens of a line.
const TOKENS: usize = 64;
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long an endpoint is left alone that failed.
const REST: Duration = Duration::from_secs(30);
/// How often a request that nobody waits for any more is noticed.
const POLL: Duration = Duration::from_millis(5);

/// An endpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// It is named in a way that is not understood.
    #[error("`{0}` is no address of an endpoint: it begins with `http://`")]
    Address(String),
    /// It does not answer.
    #[error("{url} does not answer: {reason}")]
    Unreachable {
        /// Where.
        url: String,
        /// Why.
        reason: String,
    },
    /// It answers something else.
    #[error("{url} answers without `choices[0].text`: {answer}")]
    Answer {
        /// Where.
        url: String,
        /// The beginning of the answer.
        answer: String,
    },
}

impl EndpointError {
    /// What the user can do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Address(_) => "give the base of the API, such as http://localhost:8000/v1",
            Self::Unreachable { .. } => {
                "see that the server runs and that the address ends where `/completions` begins"
            }
            Self::Answer { .. } => "the endpoint must offer `/completions` with `prompt` and `suffix`",
        }
    }
}

/// Where to ask, and for which model.
#[derive(Clone, Debug)]
pub struct EndpointOptions {
    /// The base of the API: `http://localhost:8000/v1`.
    pub base: String,
    /// The model's name there, where it has several.
    pub model: Option<String>,
    /// The key, where it wants one.
    pub key: Option<String>,
}

/// An endpoint.
pub struct Endpoint {
    url: String,
    options: EndpointOptions,
    agent: ureq::Agent,
    resting_until: Mutex<Option<Instant>>,
}

/// A line that an endpoint offers.
#[derive(Clone, Debug, PartialEq)]
pub struct Suggestion {
    /// The rest of the line.
    pub text: String,
    /// Its probability by the endpoint's own account, where it gives one.
    pub probability: Option<f32>,
}

impl Endpoint {
    /// An endpoint, which is not asked yet.
    ///
    /// # Errors
    /// The address is not understood.
    pub fn new(options: EndpointOptions) -> Result<Self, EndpointError> {
        if !options.base.starts_with("http://") || options.base.len() == "http://".len() {
            return Err(EndpointError::Address(options.base));
        }
        let url = format!("{}/completions", options.base.trim_end_matches('/'));
        let agent = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).build().into();
        Ok(Self { url, options, agent, resting_until: Mutex::new(None) })
    }

    /// The rest of the line between two texts; none where it is empty, where nobody waits for it any more, and while the
    /// endpoint rests after a failure.
    ///
    /// # Errors
    /// It does not answer, or not what was asked.
    pub fn complete(
        &self,
        before: &str,
        after: &str,
        cancelled: &AtomicBool,
    ) -> Result<Option<Suggestion>, EndpointError> {
        let mut resting = self.resting_until.lock().unwrap_or_else(PoisonError::into_inner);
        if resting.is_some_and(|until| Instant::now() < until) {
            return Ok(None);
        }
        let answer = self.ask(before, after, cancelled).and_then(|answer| match answer {
            Some(answer) => self.read(&answer).map(Some),
            None => Ok(None),
        });
        *resting = answer.is_err().then(|| Instant::now() + REST);
        Ok(answer?.filter(|suggestion| !suggestion.text.trim().is_empty()))
    }

    /// Sends the request; it is left to itself where nobody waits for the answer any more.
    fn ask(&self, before: &str, after: &str, cancelled: &AtomicBool) -> Result<Option<String>, EndpointError> {
        let mut body = json!({
            "prompt": &before[ceil(before, before.len().saturating_sub(BEFORE_BYTES))..],
            "suffix": &after[..floor(after, AFTER_BYTES)],
            "max_tokens": TOKENS,
            "temperature": 0,
            "stop": ["\n"],
            "logprobs": 1,
        });
        if let Some(model) = &self.options.model {
            body["model"] = json!(model);
        }
        let mut request = self.agent.post(&self.url).header("content-type", "application/json");
        if let Some(key) = &self.options.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let (sender, receiver) = channel();
        thread::spawn(move || {
            let answer = request.send(body.to_string()).and_then(|mut answer| answer.body_mut().read_to_string());
            let _ = sender.send(answer);
        });
        loop {
            match receiver.recv_timeout(POLL) {
                Ok(Ok(answer)) => return Ok(Some(answer)),
                Ok(Err(error)) => return Err(self.unreachable(error.to_string())),
                Err(RecvTimeoutError::Timeout) if cancelled.load(Ordering::Relaxed) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(self.unreachable("the request failed".to_owned())),
            }
        }
    }

    fn unreachable(&self, reason: String) -> EndpointError {
        EndpointError::Unreachable { url: self.url.clone(), reason }
    }

    fn read(&self, answer: &str) -> Result<Suggestion, EndpointError> {
        let parsed: Option<Value> = serde_json::from_str(answer).ok();
        let choice = parsed.as_ref().map(|answer| &answer["choices"][0]);
        let Some(text) = choice.and_then(|choice| choice["text"].as_str()) else {
            let answer = answer[..floor(answer, 200)].to_owned();
            return Err(EndpointError::Answer { url: self.url.clone(), answer });
        };
        let logarithms = choice.and_then(|choice| choice["logprobs"]["token_logprobs"].as_array());
        let sum = |logarithms: &Vec<Value>| logarithms.iter().filter_map(Value::as_f64).sum::<f64>().exp() as f32;
        let probability = logarithms.filter(|logarithms| !logarithms.is_empty()).map(sum);
        Ok(Suggestion { text: text.lines().next().unwrap_or_default().to_owned(), probability })
    }
}

/// The nearest border of characters from a place on.
fn ceil(text: &str, at: usize) -> usize {
    (at..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}

/// The nearest border of characters up to a place.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead as _, BufReader, Read as _, Write as _},
        net::TcpListener,
    };

    use super::*;

    /// Answers requests with these bodies, one after another, and returns what was asked.
    fn server(
        answers: &'static [(&'static str, &'static str)],
    ) -> (Endpoint, thread::JoinHandle<Vec<(String, Value)>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}/v1/", listener.local_addr().unwrap());
        let asked = thread::spawn(move || {
            let mut asked = Vec::new();
            for (status, answer) in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let head: Vec<String> =
                    reader.by_ref().lines().map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
                let length = head
                    .iter()
                    .find_map(|line| line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned));
                let mut body = vec![0; length.unwrap().parse().unwrap()];
                reader.read_exact(&mut body).unwrap();
                let length = answer.len();
                write!(stream, "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{answer}")
                    .unwrap();
                asked.push((head.join("\n"), serde_json::from_slice(&body).unwrap()));
            }
            asked
        });
        let options = EndpointOptions { base, model: Some("small".to_owned()), key: Some("secret".to_owned()) };
        (Endpoint::new(options).unwrap(), asked)
    }

    #[test]
    fn a_line_is_asked_for_between_two_texts() {
        let (endpoint, asked) = server(&[
            ("200 OK", r#"{"choices": [{"text": "one(two);\nmore", "logprobs": {"token_logprobs": [-0.5, -0.25]}}]}"#),
            ("200 OK", r#"{"choices": [{"text": " "}]}"#),
        ]);
        let never = AtomicBool::new(false);
        let found = endpoint.complete("let x = ", "\n}", &never).unwrap().unwrap();
        assert_eq!(found, Suggestion { text: "one(two);".to_owned(), probability: Some((-0.75f32).exp()) });
        assert_eq!(endpoint.complete("é".repeat(9999).as_str(), "é".repeat(9999).as_str(), &never).unwrap(), None);
        let asked = asked.join().unwrap();
        let (head, body) = &asked[0];
        assert!(
            head.starts_with("POST /v1/completions HTTP/1.1")
                && head.to_lowercase().contains("authorization: bearer secret")
        );
        assert_eq!(
            (&body["prompt"], &body["suffix"], &body["model"]),
            (&json!("let x = "), &json!("\n}"), &json!("small"))
        );
        assert_eq!(asked[1].1["prompt"].as_str().map(str::len), Some(BEFORE_BYTES));
    }

    #[test]
    fn what_fails_is_said_and_left_alone_for_a_while() {
        for (answers, expected) in [
            (&[("200 OK", r#"{"error": "no"}"#)][..], r#"answers without `choices[0].text`: {"error": "no"}"#),
            (&[("404 Not Found", "")][..], "does not answer: http status: 404"),
        ] {
            let (endpoint, _) = server(answers);
            let never = AtomicBool::new(false);
            let error = endpoint.complete("a", "", &never).unwrap_err().to_string();
            assert!(error.ends_with(expected), "{error}");
            assert!(endpoint.complete("a", "", &never).unwrap().is_none());
        }
        let options = |base: &str| EndpointOptions { base: base.to_owned(), model: None, key: None };
        assert!(Endpoint::new(options("localhost:80")).is_err() && Endpoint::new(options("http://")).is_err());
    }

    #[test]
    fn nobody_waits_for_an_answer_that_is_not_wanted() {
        // It accepts nothing, so that it never answers.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let endpoint = Endpoint::new(EndpointOptions { base, model: None, key: None }).unwrap();
        assert_eq!(endpoint.complete("a", "", &AtomicBool::new(true)).unwrap(), None);
    }
}
