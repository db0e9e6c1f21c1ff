//! What Ampoule's daemon, command line and runtime shim must agree on, and nothing else.
//!
//! The wire messages are generated from the `.proto` files of this crate and committed; `tests/generated.rs` keeps
//! them equal. Everything else here is a type that is parsed once, at the edge, and then holds a proof.

#[cfg(feature = "call")]
pub mod call;
#[cfg(feature = "reflection")]
pub mod descriptors;
pub mod id;
pub mod process;
pub mod request;
pub mod secret;
pub mod wire;

/// The longest `reason` of a `ReportRequest`, in bytes.
pub const LONGEST_REASON: usize = 1024;

/// The longest text of a `ContainerDescriptor`, in bytes, but for its bundle's path.
pub const LONGEST_DESCRIPTION: usize = 512;

/// The messages, by protobuf package.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic, clippy::disallowed_methods)]
pub mod messages {
    /// Package `ampoule`.
    pub mod ampoule {
        /// Package `ampoule.v1`.
        pub mod v1 {
            include!("gen/messages/ampoule.v1.rs");
        }
    }
    /// Package `grpc`.
    pub mod grpc {
        /// Package `grpc.health`.
        pub mod health {
            /// Package `grpc.health.v1`.
            pub mod v1 {
                include!("gen/messages/grpc.health.v1.rs");
            }
        }
        /// Package `grpc.reflection`.
        #[cfg(feature = "reflection")]
        pub mod reflection {
            /// Package `grpc.reflection.v1`.
            pub mod v1 {
                include!("gen/messages/grpc.reflection.v1.rs");
            }
        }
    }
    /// Package `namespace`.
    pub mod namespace {
        /// Package `namespace.stdlib`.
        pub mod stdlib {
            include!("gen/messages/namespace.stdlib.rs");
        }
        /// Package `namespace.cloud`.
        pub mod cloud {
            /// Package `namespace.cloud.compute`.
            pub mod compute {
                /// Package `namespace.cloud.compute.v1beta`.
                pub mod v1beta {
                    include!("gen/messages/namespace.cloud.compute.v1beta.rs");
                }
            }
            /// Package `namespace.cloud.iam`.
            pub mod iam {
                /// Package `namespace.cloud.iam.v1beta`.
                pub mod v1beta {
                    include!("gen/messages/namespace.cloud.iam.v1beta.rs");
                }
            }
            /// Package `namespace.cloud.vault`.
            pub mod vault {
                /// Package `namespace.cloud.vault.v1beta`.
                pub mod v1beta {
                    include!("gen/messages/namespace.cloud.vault.v1beta.rs");
                }
            }
        }
    }
}

/// The service stubs, by protobuf package.
#[cfg(feature = "connect")]
#[allow(missing_docs, unreachable_pub, unexpected_cfgs, clippy::all, clippy::pedantic)]
pub mod services {
    /// Package `ampoule.v1`.
    pub mod ampoule_v1 {
        include!("gen/services/ampoule.v1.rs");
    }
    /// Package `grpc.health.v1`.
    pub mod health_v1 {
        include!("gen/services/grpc.health.v1.rs");
    }
    /// Package `grpc.reflection.v1`.
    #[cfg(feature = "reflection")]
    pub mod reflection_v1 {
        include!("gen/services/grpc.reflection.v1.rs");
    }
    /// Package `namespace.cloud.compute.v1beta`.
    pub mod compute_v1beta {
        include!("gen/services/namespace.cloud.compute.v1beta.rs");
    }
    /// Package `namespace.cloud.iam.v1beta`.
    pub mod iam_v1beta {
        include!("gen/services/namespace.cloud.iam.v1beta.rs");
    }
    /// Package `namespace.cloud.vault.v1beta`.
    pub mod vault_v1beta {
        include!("gen/services/namespace.cloud.vault.v1beta.rs");
    }
}
