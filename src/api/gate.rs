//! What every call passes before its message is decoded: who, how many a second, and how many at once.

use std::sync::Arc;
use std::time::Instant;

use connectrpc::interceptor::{
    Next, NextStream, PayloadStream, StreamRequest, StreamResponse, UnaryRequest, UnaryResponse,
};
use connectrpc::{ConnectError, Interceptor, RequestContext};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::authenticate::Sender;
use super::health::HEALTH_CHECK;
use super::metrics::Metrics;
use crate::config::Limits;
use crate::domain::{Identity, Rates};

/// The gate of all services.
#[derive(Clone)]
pub(super) struct Gate {
    places: Arc<Semaphore>,
    calls: Arc<Rates<Who>>,
    metrics: Arc<Metrics>,
}

/// Whose calls are counted together.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Who {
    User(u32),
    Token(String),
}

impl Gate {
    pub(super) fn new(limits: &Limits, metrics: Arc<Metrics>) -> Self {
        Self {
            places: Arc::new(Semaphore::new(limits.requests)),
            calls: Arc::new(Rates::new(limits.requests_per_second, limits.requests_per_second)),
            metrics,
        }
    }

    /// Lets a call in with its principal in the extensions, and holds its place. Whoever finds no place waits, no
    /// longer than the call may take.
    async fn enter(&self, context: &mut RequestContext) -> Result<OwnedSemaphorePermit, ConnectError> {
        if context.path() != Some(HEALTH_CHECK) {
            let Some(Sender(sender)) = context.extensions().get::<Sender>().cloned() else {
                return Err(ConnectError::internal("the listener did not say who calls"));
            };
            let principal = sender.as_ref().as_ref().map_err(super::authenticate::Stranger::error)?;
            let who = Who::of(&principal.caller().identity);
            if !who.is_none_or(|who| self.calls.take(&who)) {
                return Err(ConnectError::resource_exhausted(
                    "too many calls a second: slow down, or raise limits.requests_per_second",
                ));
            }
            context.extensions_mut().insert(principal.clone());
        }
        let place = Arc::clone(&self.places).acquire_owned().await;
        place.map_err(|_| ConnectError::unavailable("the daemon is stopping"))
    }
}

impl Who {
    fn of(identity: &Identity) -> Option<Self> {
        match identity {
            Identity::Peer(peer) => Some(Self::User(peer.uid)),
            Identity::Token { id, .. } => Some(Self::Token(id.to_string())),
            Identity::Anonymous(_) | Identity::Daemon => None,
        }
    }
}

#[connectrpc::async_trait]
impl Interceptor for Gate {
    async fn intercept_unary(&self, mut request: UnaryRequest, next: Next<'_>) -> Result<UnaryResponse, ConnectError> {
        let (started, path) = (Instant::now(), request.ctx.path().unwrap_or_default().to_owned());
        let result = match self.enter(&mut request.ctx).await {
            Ok(_place) => next.run(request).await,
            Err(error) => Err(error),
        };
        self.metrics.call(&path, result.as_ref().err().map(|error| error.code), started.elapsed());
        result
    }

    async fn intercept_streaming(
        &self,
        mut request: StreamRequest,
        inbound: PayloadStream,
        next: NextStream<'_>,
    ) -> Result<StreamResponse, ConnectError> {
        let (started, path) = (Instant::now(), request.ctx.path().unwrap_or_default().to_owned());
        let result = match self.enter(&mut request.ctx).await {
            Ok(_place) => next.run(request, inbound).await,
            Err(error) => Err(error),
        };
        self.metrics.call(&path, result.as_ref().err().map(|error| error.code), started.elapsed());
        result
    }
}
