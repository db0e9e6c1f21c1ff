//! How containers ask for a secret, ready to be pasted.

use crate::domain::ObjectId;

pub(super) struct Snippet {
    pub(super) title: &'static str,
    pub(super) text: String,
    pub(super) note: &'static str,
}

const VARIABLE: &str = "MY_SECRET";

pub(super) fn snippets(id: &ObjectId) -> Vec<Snippet> {
    let snippet = |title, text: String, note| Snippet { title, text, note };
    vec![
        snippet(
            "podman",
            format!("podman --runtime ampoule-crun run --env {VARIABLE}=ampoule://{id} IMAGE"),
            "As a file in place of a variable: --annotation ampoule.dev/file.NAME=… puts it at /run/secrets/NAME.",
        ),
        snippet("Docker", format!("docker run --runtime ampoule-runc --env {VARIABLE}=ampoule://{id} IMAGE"), ""),
        snippet(
            "compose",
            format!(
                "services:\n  web:\n    image: IMAGE\n    runtime: ampoule-runc\n    environment:\n      {VARIABLE}: ampoule://{id}\n"
            ),
            "",
        ),
        snippet(
            "Kubernetes",
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  runtimeClassName: ampoule\n  containers:\n    - \
                 name: web\n      image: IMAGE\n      env:\n        - name: {VARIABLE}\n          value: ampoule://{id}\n"
            ),
            "The RuntimeClass is in packaging/kubernetes.",
        ),
        snippet(
            "ContainerRequest, for ampoule run-request",
            format!(
                "{{\n  \"name\": \"web\",\n  \"image_ref\": \"IMAGE\",\n  \"env_vars\": [\n    {{ \"name\": \"{VARIABLE}\", \
                 \"from_secret_id\": \"{id}\" }}\n  ]\n}}\n"
            ),
            "",
        ),
        snippet(
            "devbox.yaml",
            format!("name: box\nimage: IMAGE\nenv:\n  - name: {VARIABLE}\n    from_secret_id: {id}\n"),
            "",
        ),
    ]
}
