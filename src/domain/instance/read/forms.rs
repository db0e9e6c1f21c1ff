//! The fields of each message, and of those that Namespace has beyond them, what is to be done in their place.

use ampoule_proto::request::CONTAINER_FIELDS;

use crate::domain::submitted::{Form, Strangers};

/// What only the body of a `CreateInstance` has, in both spellings.
pub(super) const BODY_ALONE: [&str; 17] = [
    "containers",
    "shape",
    "labels",
    "documented_purpose",
    "documentedPurpose",
    "deadline",
    "region",
    "features",
    "feature_configuration",
    "featureConfiguration",
    "applications",
    "container_cache",
    "containerCache",
    "http_event_callback",
    "httpEventCallback",
    "additional_registries",
    "additionalRegistries",
];

const NOT_HERE: &str = "this exists on Namespace's own machines alone: remove it";
const IN_EXPERIMENTAL: &str = "this field belongs into experimental: move it there";
const IN_CONTAINER: &str = "this field belongs into an element of containers: move it there";
const IN_BODY: &str =
    r#"this describes the Instance, not a container: write {"containers": [{…}]} and put it beside containers"#;
const REGION: &str = "an Instance runs on this host, which is in no region: remove it";
const REGISTRY: &str =
    "the engine of this host pulls images with its own credentials: remove it, and log in with podman or docker";
const SSH: &str = "no sshd is started here: remove it, and run commands with `ampoule instance exec`";
const ENTRY_POINT: &str = "the entry point is the image's, and args follow it: put the arguments into args";
const KUBERNETES: &str = "there is no Kubernetes here: remove it";

pub(super) const CREATE_INSTANCE: Form = Form {
    fields: &["shape", "documented_purpose", "labels", "deadline", "containers", "volumes", "experimental"],
    refused: &[
        ("region", REGION),
        ("features", KUBERNETES),
        ("feature_configuration", KUBERNETES),
        ("applications", "only containers can be started here: remove it"),
        ("container_cache", "the engine of this host keeps its images: remove it"),
        ("http_event_callback", "nobody is called about events: remove it, and use WaitInstance"),
        ("additional_registries", REGISTRY),
        ("name", IN_CONTAINER),
        ("image_ref", IN_CONTAINER),
        ("args", IN_CONTAINER),
        ("environment", IN_CONTAINER),
        ("env_vars", IN_CONTAINER),
        ("export_ports", IN_CONTAINER),
        ("network", IN_CONTAINER),
        ("privileged", IN_CONTAINER),
        ("docker_sock_path", IN_CONTAINER),
        ("nsc_state_path", IN_CONTAINER),
        ("workload_type", IN_CONTAINER),
    ],
    strangers: Strangers::Warned,
};

pub(super) const INSTANCE_EXPERIMENTAL: Form = Form {
    fields: &[],
    refused: &[
        ("private_feature", NOT_HERE),
        ("disks", NOT_HERE),
        ("containerd_shims", NOT_HERE),
        ("tls_backed_ports", "ports are exported by export_ports of a container: remove it"),
        ("prewarm_container_images", "images are pulled when they are needed: remove it"),
        ("return_workload_identity_token", "a container finds a token of its Instance at nsc_state_path: remove it"),
        ("enable_wildcard_domain", NOT_HERE),
        ("volumes", "volumes stand beside containers: move it there"),
        ("ensure_directory", NOT_HERE),
        ("unique_tag", NOT_HERE),
        ("exported_unix_sockets", NOT_HERE),
        ("container_cache", "the engine of this host keeps its images: remove it"),
        ("pre_start_hook", NOT_HERE),
        ("pre_shutdown_hook", NOT_HERE),
        ("authorized_ssh_keys", SSH),
        ("macos_base_image_id", "this host runs Linux: remove it"),
        ("internal", NOT_HERE),
    ],
    strangers: Strangers::Warned,
};

pub(super) const START_CONTAINERS: Form =
    Form { fields: &["instance_id", "containers"], refused: &[], strangers: Strangers::Warned };

pub(super) const COMMAND: Form =
    Form { fields: &["command", "env_vars", "cwd"], refused: &[], strangers: Strangers::Warned };

pub(super) const SHAPE: Form = Form {
    fields: &["virtual_cpu", "memory_megabytes", "machine_arch", "os"],
    refused: &[],
    strangers: Strangers::Warned,
};

pub(super) const LABEL: Form = Form { fields: &["name", "value"], refused: &[], strangers: Strangers::Warned };

pub(super) const CONTAINER: Form = Form {
    fields: &CONTAINER_FIELDS,
    refused: &[
        ("host_mount", IN_EXPERIMENTAL),
        ("cap_add", IN_EXPERIMENTAL),
        ("cap_drop", IN_EXPERIMENTAL),
        ("devices", IN_EXPERIMENTAL),
        ("image_pull_credentials", REGISTRY),
        ("aws_ecr", REGISTRY),
        ("additional_registries", REGISTRY),
        ("authorized_ssh_keys", SSH),
        ("region", REGION),
        ("image", "this is image_ref here: rename it"),
        ("command", ENTRY_POINT),
        ("cmd", ENTRY_POINT),
        ("entrypoint", ENTRY_POINT),
        ("env", "this is env_vars here, a list, or environment, a map: rename it"),
        ("ports", "this is export_ports here: rename it"),
        ("secrets", "secrets are asked for in env_vars, by from_secret_id: put them there"),
        ("mounts", "this is volumes here, or host_mount in experimental: put it there"),
        ("shape", IN_BODY),
        ("labels", IN_BODY),
        ("deadline", IN_BODY),
        ("documented_purpose", IN_BODY),
    ],
    strangers: Strangers::Warned,
};

pub(super) const EXPERIMENTAL: Form = Form {
    fields: &["host_mount", "cap_add", "cap_drop", "devices"],
    refused: &[
        ("include_logs", "what a container writes to its output is kept, no files: remove it"),
        ("privileged", "this field belongs to the container itself: move it there"),
        ("exported_unix_sockets", NOT_HERE),
        ("image_pull_credentials", REGISTRY),
        ("aws_ecr", REGISTRY),
        ("push_ephemeral_disk_as_image", NOT_HERE),
        ("sidecar_volumes", NOT_HERE),
        ("incremental_loading", NOT_HERE),
        ("sandbox_like", NOT_HERE),
        ("authorized_ssh_keys", SSH),
    ],
    strangers: Strangers::Warned,
};

/// A variable that would silently be empty is none that was asked for, so its strangers are mistakes.
pub(super) const VARIABLE: Form =
    Form { fields: &["name", "value", "from_secret_id"], refused: &[], strangers: Strangers::Refused };

pub(super) const PORT: Form =
    Form { fields: &["proto", "container_port", "name"], refused: &[], strangers: Strangers::Warned };

pub(super) const HOST_MOUNT: Form =
    Form { fields: &["host_path", "container_path", "readonly"], refused: &[], strangers: Strangers::Refused };

pub(super) const VOLUME: Form =
    Form { fields: &["mount_point", "tag", "size_mb", "persistency_kind"], refused: &[], strangers: Strangers::Warned };
