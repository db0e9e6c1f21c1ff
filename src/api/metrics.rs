//! What the daemon counts, in the text format that Prometheus reads (`OpenMetrics` 1.0).

use std::sync::Arc;
use std::time::Duration;

use connectrpc::ErrorCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::dashboard::Pulse;

/// The content type of what [`Metrics::text`] gives.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The counters.
pub(super) struct Metrics {
    registry: Registry,
    calls: Family<Call, Counter>,
    seconds: Family<Method, Histogram, fn() -> Histogram>,
    connections: Gauge,
    evicted: Counter,
    pulse: Arc<Pulse>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    method: String,
    code: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Method {
    method: String,
}

impl Metrics {
    /// The counters, and the last hour of them.
    pub(super) fn new(pulse: Arc<Pulse>) -> Self {
        let mut registry = Registry::with_prefix("ampoule");
        let calls = Family::default();
        registry.register("calls", "Calls that were answered, by method and Connect code", calls.clone());
        // 50 microseconds to 1.6 seconds.
        let histogram: fn() -> Histogram = || Histogram::new(exponential_buckets(50e-6, 2.0, 16));
        let seconds = Family::new_with_constructor(histogram);
        registry.register_with_unit("call_duration", "From body to answer, by method", Unit::Seconds, seconds.clone());
        let connections = Gauge::default();
        registry.register("connections", "Connections that are open", connections.clone());
        let evicted = Counter::default();
        registry.register(
            "connections_evicted",
            "Connections closed, for want of room, before their first call",
            evicted.clone(),
        );
        Self { registry, calls, seconds, connections, evicted, pulse }
    }

    /// Counts a call. Its path is a method's: others don't get so far.
    pub(super) fn call(&self, path: &str, error: Option<ErrorCode>, took: Duration) {
        let method = path.trim_start_matches('/').to_owned();
        self.seconds.get_or_create(&Method { method: method.clone() }).observe(took.as_secs_f64());
        self.pulse.count(took, error.is_some());
        let code = error.map_or_else(|| "ok".to_owned(), |code| code.as_str().to_owned());
        self.calls.get_or_create(&Call { method, code }).inc();
    }

    pub(super) fn opened(&self) {
        self.connections.inc();
    }

    pub(super) fn closed(&self) {
        self.connections.dec();
    }

    pub(super) fn evicted(&self) {
        self.evicted.inc();
    }

    /// All of them.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // A string takes everything.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_method_and_code() {
        let metrics = Metrics::new(Arc::default());
        metrics.call("/a.B/C", None, Duration::from_millis(1));
        metrics.call("/a.B/C", Some(ErrorCode::NotFound), Duration::from_millis(1));
        let text = metrics.text();
        for line in [
            r#"ampoule_calls_total{method="a.B/C",code="ok"} 1"#,
            r#"ampoule_calls_total{method="a.B/C",code="not_found"} 1"#,
            r#"ampoule_call_duration_seconds_count{method="a.B/C"} 2"#,
        ] {
            assert!(text.contains(line), "{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
