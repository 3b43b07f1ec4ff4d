//! How a request fails.

use lsp_server::{ErrorCode, RequestId, Response};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// An error as the client gets it.
#[derive(Debug)]
pub struct Failure {
    pub code: i32,
    pub message: String,
}

impl Failure {
    pub fn new(code: ErrorCode, message: String) -> Self {
        Self { code: code as i32, message }
    }

    /// As a response to a request.
    pub fn response(self, id: RequestId) -> Response {
        Response::new_err(id, self.code, self.message)
    }
}

/// Reads what comes with a message.
pub fn parse<T: DeserializeOwned>(method: &str, params: Value) -> Result<T, Failure> {
    serde_json::from_value(params)
        .map_err(|error| Failure::new(ErrorCode::InvalidParams, format!("params of `{method}`: {error}")))
}
