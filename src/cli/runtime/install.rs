//! `ampoule runtime install`.

use super::super::output::print;
use super::file::SettingsFile;
use super::{CliError, Context, Links, TargetFlags, difference, names};

/// Register the shim in an engine's settings
///
/// Only the runtimes are added: everything else stays as it is, byte for byte, and the file as it was is kept beside it
/// as FILE.ampoule-backup. The engine's default runtime stays what it is. Prints the difference, and what to restart.
#[derive(clap::Args)]
pub(in crate::cli) struct Install {
    #[command(flatten)]
    target: TargetFlags,
}

impl Install {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        let links = Links::find()?;
        let dry_run = self.target.dry_run;
        let target = self.target.target(context)?;
        target.check_place()?;
        let file = SettingsFile::at(&target.path)?;
        let at_fault = |fault| file.at_fault(&fault);
        let before = file.read()?;
        let text = before.as_deref().unwrap_or_default();
        let after = target.add(text, &links).map_err(at_fault)?;
        let added = names(&target.registered(&after).map_err(at_fault)?);
        let notes = target.notes(&after).iter().map(|note| format!("Note: {note}\n")).collect::<Vec<_>>().concat();
        let path = file.path().display();
        if before.as_deref() == Some(after.as_str()) {
            return print(&format!("Nothing is to be changed: {path} has {added} already\n{notes}"));
        }
        let difference = difference(&file, before.as_deref(), Some(&after));
        let restart = target.after_install();
        if dry_run {
            return print(&format!("{difference}Nothing was written (--dry-run)\n{restart}\n{notes}"));
        }
        let is_first = target.registered(text).map_err(at_fault)?.is_empty();
        match &before {
            // Of several installs in a row the first one kept what there was without us.
            Some(before) if is_first => file.keep(before)?,
            None => file.remove_backup()?,
            Some(_) => {}
        }
        file.write(&after)?;
        let done = format!("Registered {added} in {path}");
        print(&format!("{difference}{done}\n{restart}\n{notes}")).map_err(|error| error.after(done))
    }
}
