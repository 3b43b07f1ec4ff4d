//! From a request to its answer.

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use http_body_util::{BodyExt as _, Full};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::{Body as _, Bytes, Incoming},
    header::{self, HeaderValue},
};
use prentice_base::Verdict;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;
use tokio::time::timeout;

use crate::{
    authorization::Guard,
    judge::{JudgeError, RewardRequest},
    metrics::{self, Metrics},
    protocol::{
        ComputeScoreBody, ComputeScoreReply, GetRewardBody, GetRewardReply, RemoteRmBody, RunCodeBody, RunCodeReply,
    },
    queue::{Answer, Full as QueueFull, Queue, Work},
    serve::ServeOptions,
};

/// What every request needs.
pub(crate) struct Service {
    pub(crate) options: ServeOptions,
    pub(crate) guard: Guard,
    pub(crate) queue: Arc<Queue>,
    pub(crate) metrics: Arc<Metrics>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Route {
    RunCode,
    GetReward,
    RemoteRm,
    ComputeScore,
    Health,
    Ping,
    Metrics,
    Unknown,
}

impl Route {
    const KNOWN: [(&str, Route); 7] = [
        ("/run_code", Route::RunCode),
        ("/get_reward", Route::GetReward),
        ("/remote_rm", Route::RemoteRm),
        ("/compute_score", Route::ComputeScore),
        ("/health", Route::Health),
        ("/v1/ping", Route::Ping),
        ("/metrics", Route::Metrics),
    ];

    fn of(path: &str) -> Self {
        Self::KNOWN.iter().find(|(known, _)| *known == path).map_or(Self::Unknown, |(_, route)| *route)
    }

    /// As a label in the metrics: never the client's own text.
    fn name(self) -> &'static str {
        Self::KNOWN.iter().find(|(_, route)| *route == self).map_or("other", |(path, _)| path)
    }

    fn method(self) -> Method {
        match self {
            Self::Health | Self::Ping | Self::Metrics => Method::GET,
            _ => Method::POST,
        }
    }

    fn is_open(self) -> bool {
        matches!(self, Self::Health | Self::Ping)
    }
}

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("there is no `{0}` here; there are {known}", known = Route::KNOWN.map(|(path, _)| path).join(", "))]
    NotFound(String),
    #[error("`{0}` is not for this address; use {1}")]
    Method(Method, Method),
    #[error(
        "the token is missing or wrong; send `Authorization: Bearer TOKEN`, or put it into the URL: `http://any:TOKEN@host/...`"
    )]
    Unauthorized,
    #[error("the body must come with `Content-Type: application/json`")]
    MediaType,
    #[error("the body is longer than {0} bytes")]
    TooLarge(usize),
    #[error("the body did not arrive within {} seconds", .0.as_secs_f64())]
    BodySlow(Duration),
    #[error("the body broke off: {0}")]
    BodyBroken(hyper::Error),
    #[error("the body is no JSON: {0}")]
    Malformed(serde_json::Error),
    #[error("the body does not fit: {0}")]
    Unfit(serde_json::Error),
    #[error("{0}")]
    Invalid(String),
    #[error("the queue is full; try again")]
    QueueFull,
    #[error("no verdict, through no fault of the program: {0}")]
    Infrastructure(String),
    #[error("no answer within {} seconds; the service is overloaded", .0.as_secs_f64())]
    Slow(Duration),
}

impl Fault {
    /// The name that programs go by, and the status. See [`crate::serve()`] for the ones of `/run_code`.
    fn kind(&self, route: Route) -> (&'static str, StatusCode) {
        let (kind, status) = match self {
            Self::NotFound(_) => ("not_found", StatusCode::NOT_FOUND),
            Self::Method(..) => ("method_not_allowed", StatusCode::METHOD_NOT_ALLOWED),
            Self::Unauthorized => ("unauthorized", StatusCode::UNAUTHORIZED),
            Self::MediaType => ("unsupported_media_type", StatusCode::UNSUPPORTED_MEDIA_TYPE),
            Self::TooLarge(_) => ("body_too_large", StatusCode::PAYLOAD_TOO_LARGE),
            Self::BodySlow(_) => ("body_timeout", StatusCode::REQUEST_TIMEOUT),
            Self::BodyBroken(_) => ("body_broken", StatusCode::BAD_REQUEST),
            Self::Malformed(_) => ("malformed_json", StatusCode::BAD_REQUEST),
            Self::Unfit(_) | Self::Invalid(_) => ("invalid_request", StatusCode::UNPROCESSABLE_ENTITY),
            Self::QueueFull => ("queue_full", StatusCode::TOO_MANY_REQUESTS),
            Self::Infrastructure(_) => ("infrastructure_error", StatusCode::SERVICE_UNAVAILABLE),
            Self::Slow(_) => ("timeout", StatusCode::SERVICE_UNAVAILABLE),
        };
        let temporary = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        (kind, if temporary && route == Route::RunCode { StatusCode::GATEWAY_TIMEOUT } else { status })
    }

    fn response(&self, route: Route) -> Response<Full<Bytes>> {
        let (kind, status) = self.kind(route);
        let mut response = json_response(status, &json!({"error": {"kind": kind, "message": self.to_string()}}));
        let headers = response.headers_mut();
        match self {
            Self::Method(_, allowed) => {
                headers.insert(
                    header::ALLOW,
                    HeaderValue::from_static(if allowed == Method::GET { "GET" } else { "POST" }),
                );
            }
            Self::Unauthorized => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::QueueFull | Self::Infrastructure(_) | Self::Slow(_) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            // What may still be under way of the body would be read as the next request.
            Self::TooLarge(_) | Self::BodySlow(_) => {
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        response
    }
}

impl From<JudgeError> for Fault {
    fn from(error: JudgeError) -> Self {
        match error {
            JudgeError::Infrastructure(message) => Self::Infrastructure(message),
            JudgeError::Abandoned => Self::Infrastructure(error.to_string()),
            JudgeError::Refused(message) => Self::Invalid(message),
        }
    }
}

/// Counts a request when it ends, also if its client hangs up and this is merely dropped.
struct Tally<'a> {
    metrics: &'a Metrics,
    route: &'static str,
    started: Instant,
    status: u16,
}

impl Drop for Tally<'_> {
    fn drop(&mut self) {
        self.metrics.request(self.route, self.status, self.started.elapsed());
    }
}

/// Answers a request, come what may.
pub(crate) async fn answer(
    service: Arc<Service>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let route = Route::of(request.uri().path());
    let mut tally = Tally { metrics: &service.metrics, route: route.name(), started: Instant::now(), status: 499 };
    let response = service.dispatch(route, request).await.unwrap_or_else(|fault| fault.response(route));
    tally.status = response.status().as_u16();
    Ok(response)
}

impl Service {
    async fn dispatch(&self, route: Route, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Fault> {
        if route == Route::Unknown {
            return Err(Fault::NotFound(request.uri().path().chars().take(100).collect()));
        }
        if request.method() != route.method() {
            return Err(Fault::Method(request.method().clone(), route.method()));
        }
        let header = request.headers().get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
        if !route.is_open() && !self.guard.admits(header) {
            return Err(Fault::Unauthorized);
        }
        match route {
            Route::Health => Ok(json_response(StatusCode::OK, &json!({"status": "ok"}))),
            Route::Ping => Ok(json_response(StatusCode::OK, &"pong")),
            Route::Metrics => {
                let text = self.metrics.text(self.queue.depth(), self.queue.capacity(), self.options.workers);
                Ok(response(StatusCode::OK, metrics::CONTENT_TYPE, text.into()))
            }
            Route::Unknown | Route::RunCode | Route::GetReward | Route::RemoteRm | Route::ComputeScore => {
                let body = self.body(request).await?;
                let limit = self.options.request_timeout;
                timeout(limit, self.execute(route, &body)).await.unwrap_or(Err(Fault::Slow(limit)))
            }
        }
    }

    async fn execute(&self, route: Route, body: &[u8]) -> Result<Response<Full<Bytes>>, Fault> {
        match route {
            Route::RunCode => {
                let body: RunCodeBody = parse(body)?;
                let request = body.request(self.options.request_timeout).map_err(Fault::Invalid)?;
                let answers = self.work(vec![Work::Run(request)]).await?;
                let result = answers.into_iter().find_map(|answer| match answer {
                    Answer::Run(result) => Some(result),
                    Answer::Reward(_) => None,
                });
                let result =
                    result.ok_or_else(|| Fault::Infrastructure("a worker answered another question".into()))?;
                Ok(json_response(StatusCode::OK, &RunCodeReply::from(result)))
            }
            Route::GetReward => {
                let body: GetRewardBody = parse(body)?;
                let rewards = self.rewards(body.requests().map_err(Fault::Invalid)?).await?;
                let reply = GetRewardReply { scores: rewards.clone(), rewards, extra_logs: Default::default() };
                Ok(json_response(StatusCode::OK, &reply))
            }
            Route::RemoteRm => {
                let body: RemoteRmBody = parse(body)?;
                let reward = self.reward(body.request().map_err(Fault::Invalid)?).await?;
                Ok(json_response(StatusCode::OK, &reward))
            }
            _ => {
                let body: ComputeScoreBody = parse(body)?;
                let score = self.reward(body.request().map_err(Fault::Invalid)?).await?;
                Ok(json_response(StatusCode::OK, &ComputeScoreReply { score }))
            }
        }
    }

    async fn reward(&self, request: RewardRequest) -> Result<f64, Fault> {
        let rewards = self.rewards(vec![request]).await?;
        rewards.first().copied().ok_or_else(|| Fault::Infrastructure("a worker did not answer".into()))
    }

    /// 1 for a pass, 0 for a failure, nothing for anything else.
    async fn rewards(&self, requests: Vec<RewardRequest>) -> Result<Vec<f64>, Fault> {
        let answers = self.work(requests.into_iter().map(Work::Reward).collect()).await?;
        let score = |answer| match answer {
            Answer::Reward(Verdict::Pass) => Ok(1.0),
            Answer::Reward(Verdict::Fail { .. }) => Ok(0.0),
            Answer::Reward(Verdict::InfrastructureError { detail }) => Err(Fault::Infrastructure(detail)),
            Answer::Run(_) => Err(Fault::Infrastructure("a worker answered another question".into())),
        };
        answers.into_iter().map(score).collect()
    }

    /// Has all of `works` done. When one fails, the others are abandoned.
    async fn work(&self, works: Vec<Work>) -> Result<Vec<Answer>, Fault> {
        let (count, capacity) = (works.len(), self.queue.capacity());
        if count > capacity {
            return Err(Fault::Invalid(format!(
                "the batch has {count} samples and the queue holds {capacity}; send smaller batches"
            )));
        }
        let tickets = self.queue.push(works).map_err(|QueueFull| Fault::QueueFull)?;
        let mut answers = Vec::with_capacity(count);
        for ticket in tickets {
            answers.push(ticket.answer().await?);
        }
        Ok(answers)
    }

    /// The body, if it is JSON by its header, short enough, and in time.
    ///
    /// The header is required because a web page in the user's browser can send any other type to a service on
    /// loopback.
    async fn body(&self, request: Request<Incoming>) -> Result<Vec<u8>, Fault> {
        if !is_json(request.headers()) {
            return Err(Fault::MediaType);
        }
        let limit = self.options.body_limit;
        let awaits_consent = request.headers().contains_key(header::EXPECT);
        let mut body = request.into_body();
        if awaits_consent && body.size_hint().lower() > limit as u64 {
            return Err(Fault::TooLarge(limit));
        }
        let collect = async {
            let mut bytes = Vec::new();
            let mut length = 0;
            while let Some(frame) = body.frame().await {
                let Ok(data) = frame.map_err(Fault::BodyBroken)?.into_data() else { continue };
                length += data.len();
                if length <= limit {
                    bytes.extend_from_slice(&data);
                } else {
                    // Most clients read no answer before they have sent everything, so a little more is taken in.
                    bytes = Vec::new();
                    if length > limit.saturating_mul(4) {
                        break;
                    }
                }
            }
            if length <= limit { Ok(bytes) } else { Err(Fault::TooLarge(limit)) }
        };
        let patience = self.options.body_timeout;
        timeout(patience, collect).await.unwrap_or(Err(Fault::BodySlow(patience)))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(body)
        .map_err(|error| if error.is_data() { Fault::Unfit(error) } else { Fault::Malformed(error) })
}

fn json_response(status: StatusCode, value: &impl Serialize) -> Response<Full<Bytes>> {
    match serde_json::to_vec(value) {
        Ok(bytes) => response(status, "application/json", bytes.into()),
        // Cannot happen: all maps have string keys.
        Err(error) => response(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", error.to_string().into()),
    }
}

fn response(status: StatusCode, content_type: &'static str, bytes: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
