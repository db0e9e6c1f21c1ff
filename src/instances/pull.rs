//! Images that are not there yet, and how far their fetching is.

use std::sync::PoisonError;

use super::{Instances, failed};
use crate::domain::{InstanceId, Status};
use crate::engine::{EngineError, Frame, Job};
use crate::vault::{Error, InstanceRefusal};

/// The longest line of an engine that is passed on, in characters.
const LONGEST: usize = 200;

impl Instances {
    /// Fetches an image unless it is there. What the engine says meanwhile is told by [`Self::progress`].
    pub(super) async fn have_image(&self, id: &InstanceId, image: String) -> Result<(), Error> {
        let engine = &self.host()?.engine;
        if engine.finish(&Job::HasImage(image.clone())).await.map_err(failed)?.code == 0 {
            return Ok(());
        }
        let pulled = self.pull(id, &image).await;
        self.set_progress(id, None);
        // Not every engine names it.
        let unnamed = |error| InstanceRefusal::Engine(format!("image {image} can't be fetched: {error}"));
        pulled.map_err(|error| Error::Instance(unnamed(error)))
    }

    async fn pull(&self, id: &InstanceId, image: &str) -> Result<(), Error> {
        let engine = &self.host()?.engine;
        let mut session = engine.start(&Job::Pull(image.to_owned())).await.map_err(failed)?;
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let mut changes = self.changes();
        let code = loop {
            let frame = tokio::select! {
                frame = session.next() => frame.map_err(failed)?,
                _ = changes.changed() => {
                    let instance = self.look(id).await?;
                    if matches!(instance.status, Status::Destroying | Status::Destroyed | Status::Error) {
                        return Err(super::state(&instance, "its images are not fetched any more"));
                    }
                    continue;
                }
            };
            let (all, data) = match frame {
                Frame::Stdout(data) => (&mut stdout, data),
                Frame::Stderr(data) => (&mut stderr, data),
                Frame::Exit(code) => break code,
                _ => continue,
            };
            all.extend(data);
            if let Some(line) = last_line(all) {
                self.set_progress(id, Some(line));
            }
        };
        if code == 0 { Ok(()) } else { Err(failed(EngineError::failed(engine.kind(), code, &stderr))) }
    }

    /// What the engine said last of an image that it fetches for this instance.
    pub fn progress(&self, id: &InstanceId) -> Option<String> {
        self.inner.progress.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    fn set_progress(&self, id: &InstanceId, line: Option<String>) {
        let mut progress = self.inner.progress.lock().unwrap_or_else(PoisonError::into_inner);
        match line {
            Some(line) => progress.insert(id.clone(), line),
            None => progress.remove(id),
        };
        drop(progress);
        self.inner.changes.send_replace(());
    }
}

/// The last whole line, as far as it is fit to be shown.
fn last_line(output: &[u8]) -> Option<String> {
    let end = output.iter().rposition(|byte| matches!(byte, b'\n' | b'\r'))?;
    let text = String::from_utf8_lossy(&output[..end]);
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
    Some(line.chars().filter(|char| !char.is_control()).take(LONGEST).collect())
}

#[cfg(test)]
mod tests {
    use super::last_line;

    #[test]
    fn the_last_whole_line_is_what_is_told() {
        for (output, line) in [
            ("", None),
            ("Trying", None),
            ("Trying to pull web:1...\nGetting", Some("Trying to pull web:1...")),
            ("one\n\x1b[1mtwo\t\r\n", Some("[1mtwo")),
        ] {
            assert_eq!(last_line(output.as_bytes()).as_deref(), line, "{output:?}");
        }
    }
}
