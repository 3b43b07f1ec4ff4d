//! What the service counts, in the Prometheus text format, version 0.0.4.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Upper bounds of the latency buckets, in seconds.
const BUCKETS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0];

/// The content type of [`Metrics::text`].
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

#[derive(Default)]
pub(crate) struct Metrics {
    /// Jobs that workers are busy with.
    pub(crate) in_flight: AtomicUsize,
    pub(crate) connections: AtomicUsize,
    pub(crate) restarts: AtomicU64,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    requests: BTreeMap<(&'static str, u16), u64>,
    latency: BTreeMap<&'static str, Histogram>,
    executions: BTreeMap<(&'static str, &'static str), u64>,
}

#[derive(Default)]
struct Histogram {
    buckets: [u64; BUCKETS.len()],
    count: u64,
    seconds: f64,
}

impl Metrics {
    /// A request was answered. Status 499 stands for a client that hung up before (as in nginx).
    pub(crate) fn request(&self, route: &'static str, status: u16, took: Duration) {
        let mut counts = self.lock();
        *counts.requests.entry((route, status)).or_default() += 1;
        let histogram = counts.latency.entry(route).or_default();
        let seconds = took.as_secs_f64();
        histogram.count += 1;
        histogram.seconds += seconds;
        for (bucket, bound) in histogram.buckets.iter_mut().zip(BUCKETS) {
            *bucket += u64::from(seconds <= bound);
        }
    }

    /// A worker answered; `kind` is `run_code` or `reward`.
    pub(crate) fn execution(&self, kind: &'static str, verdict: &'static str) {
        *self.lock().executions.entry((kind, verdict)).or_default() += 1;
    }

    /// Requests answered so far.
    pub(crate) fn requests(&self) -> u64 {
        self.lock().requests.values().sum()
    }

    /// Answers of workers so far.
    pub(crate) fn executions(&self) -> u64 {
        self.lock().executions.values().sum()
    }

    /// The exposition.
    pub(crate) fn text(&self, queue_depth: usize, queue_capacity: usize, workers: usize) -> String {
        let mut text = String::new();
        let mut family = |name: &str, kind: &str, help: &str, samples: &str| {
            // Writing to a string cannot fail.
            let _ = write!(text, "# HELP prentice_serve_{name} {help}\n# TYPE prentice_serve_{name} {kind}\n{samples}");
        };
        let mut plain = |name: &str, kind: &str, help: &str, value: u64| {
            family(name, kind, help, &format!("prentice_serve_{name} {value}\n"));
        };
        plain("workers", "gauge", "Worker threads.", workers as u64);
        plain(
            "worker_restarts_total",
            "counter",
            "Judges replaced after a failure.",
            self.restarts.load(Ordering::Relaxed),
        );
        plain("queue_depth", "gauge", "Jobs that wait.", queue_depth as u64);
        plain("queue_capacity", "gauge", "Jobs that can wait.", queue_capacity as u64);
        plain("in_flight", "gauge", "Jobs that run.", self.in_flight.load(Ordering::Relaxed) as u64);
        plain("connections", "gauge", "Open connections.", self.connections.load(Ordering::Relaxed) as u64);
        let counts = self.lock();
        let mut samples = String::new();
        for ((route, status), count) in &counts.requests {
            let _ = writeln!(samples, "prentice_serve_requests_total{{route=\"{route}\",status=\"{status}\"}} {count}");
        }
        family("requests_total", "counter", "Requests answered; 499: the client hung up before.", &samples);
        samples.clear();
        for ((kind, verdict), count) in &counts.executions {
            let _ =
                writeln!(samples, "prentice_serve_executions_total{{kind=\"{kind}\",verdict=\"{verdict}\"}} {count}");
        }
        family("executions_total", "counter", "Answers of workers, by verdict.", &samples);
        samples.clear();
        for (route, histogram) in &counts.latency {
            let name = "prentice_serve_request_seconds";
            for (bucket, bound) in histogram.buckets.iter().zip(BUCKETS) {
                let _ = writeln!(samples, "{name}_bucket{{route=\"{route}\",le=\"{bound}\"}} {bucket}");
            }
            let Histogram { count, seconds, .. } = histogram;
            let _ = writeln!(samples, "{name}_bucket{{route=\"{route}\",le=\"+Inf\"}} {count}");
            let _ = writeln!(samples, "{name}_sum{{route=\"{route}\"}} {seconds}");
            let _ = writeln!(samples, "{name}_count{{route=\"{route}\"}} {count}");
        }
        family("request_seconds", "histogram", "From a request's head to its answer.", &samples);
        text
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
