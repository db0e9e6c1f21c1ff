//! `ampoule runtime uninstall`.

use super::super::output::print;
use super::fault::Fault;
use super::file::SettingsFile;
use super::target::Target;
use super::{CliError, Context, Links, Registered, TargetFlags, difference, names};

/// Take the shim out of an engine's settings
///
/// If nothing else was changed in the file since, it is then byte for byte what it was before the install; else our own
/// entries alone are taken out. Containers that were created by these runtimes need them until they are removed: remove
/// such containers first.
#[derive(clap::Args)]
pub(in crate::cli) struct Uninstall {
    #[command(flatten)]
    target: TargetFlags,
}

/// What becomes of the file.
enum Outcome {
    /// What it was before the install: this text, or no file.
    Restored(Option<String>),
    /// What it is now without our entries.
    Cleaned(Option<String>),
}

impl Uninstall {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        let dry_run = self.target.dry_run;
        let target = self.target.target(context)?;
        target.check_place()?;
        let file = SettingsFile::at(&target.path)?;
        let at_fault = |fault| file.at_fault(&fault);
        let path = file.path().display();
        let nothing = || print(&format!("Nothing is to be changed: {path} has no runtime of Ampoule\n"));
        let Some(before) = file.read()? else { return nothing() };
        let registered = target.registered(&before).map_err(at_fault)?;
        if registered.is_empty() {
            return nothing();
        }
        target.refuse_default()?;
        let backup = file.backup()?;
        let outcome = outcome(&target, &before, backup, &registered).map_err(at_fault)?;
        let (Outcome::Restored(after) | Outcome::Cleaned(after)) = &outcome;
        let difference = difference(&file, Some(&before), after.as_deref());
        let restart = target.after_uninstall();
        if dry_run {
            return print(&format!("{difference}Nothing was written (--dry-run)\n{restart}\n"));
        }
        match after {
            Some(after) => file.write(after)?,
            None => file.remove()?,
        }
        let names = names(&registered);
        let done = match outcome {
            Outcome::Restored(after) => {
                file.remove_backup()?;
                let what =
                    if after.is_some() { "is what it was before the install" } else { "is gone: the install made it" };
                format!("Took {names} out: {path} {what}")
            }
            Outcome::Cleaned(_) => {
                let kept = file.backup_path();
                let kept = if kept.exists() { format!("; how it was is in {}", kept.display()) } else { String::new() };
                format!("Took {names} out of {path}, and left what else was changed there since the install{kept}")
            }
        };
        print(&format!("{difference}{done}\n{restart}\n")).map_err(|error| error.after(done))
    }
}

/// The file is as it was before if adding to that what is registered gives the file.
fn outcome(target: &Target, now: &str, backup: Option<String>, registered: &[Registered]) -> Result<Outcome, Fault> {
    // Refuses what must not be taken out.
    let cleaned = target.remove(now)?;
    let folder = registered.first().and_then(|runtime| runtime.path.parent()?.to_str()).unwrap_or_default();
    let links = Links::in_folder(folder);
    let gives_now = |text: &str| target.add(text, &links).is_ok_and(|text| text == now);
    Ok(match backup {
        Some(before) if gives_now(&before) => Outcome::Restored(Some(before)),
        None if gives_now("") => Outcome::Restored(None),
        _ => Outcome::Cleaned(cleaned),
    })
}
