//! Who else opens what is in a bundle while a container is created from it: scanners, backups, curious people.
//!
//! They get the configuration as the engine wrote it, and the container gets its value.

use std::collections::HashSet;
use std::fs::{self, DirEntry, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use crate::support::bundle::{Bundle, Request};
use crate::support::engine::{Bare, Engine, Kind, on_each_kind};
use crate::support::gate::Gate;
use crate::support::process::{Job, Ran, is_child_of_any, wait_until};
use crate::support::programs;
use crate::support::rig::Rig;
use crate::support::search::Needle;

const CREATES: usize = 100;

/// Reads what it is told to, again and again, and tells each text once, with the kind of file that it came from.
///
/// It leaves the processor to others in between: it should meet each pipe before the runtime does, not with it.
const READ_FOR_EVER: &str = r#"
    $| = 1;
    my ($bundle, $which) = @ARGV;
    my %seen;
    while (1) {
        select undef, undef, undef, 0.0001;
        opendir(my $folder, $bundle) or die $!;
        for my $name ($which eq "config.json" ? $which : grep { !/^\.\.?$|^config\.json$/ } readdir $folder) {
            open(my $file, "<", "$bundle/$name") or next;
            my $told = (-p $file ? "pipe:" : "file:") . do { local $/; <$file> // "" };
            print $told, "\0" unless $seen{$told}++;
        }
    }
"#;

/// Opens the first of some files that is a pipe, says so, and tells all that comes.
const READ_A_PIPE: &str = r#"
    $| = 1;
    while (1) {
        for my $path (@ARGV) {
            open(my $file, "<", $path) or next;
            next unless -p $file;
            print "open:";
            print while <$file>;
            exit;
        }
    }
"#;

/// A stranger at work; what they have read can't be told after a hang.
struct Stranger(Job);

impl Stranger {
    fn start(scene: &Scene, script: &str, args: &[&str]) -> Self {
        let mut perl = Command::new(programs::system("perl", "perl-base"));
        Self(scene.rig.engine.site().realm.start(perl.args(["-e", script]).args(args), b""))
    }

    /// What a script for ever has told so far.
    fn stop(mut self) -> HashSet<String> {
        self.0.kill();
        let told = self.0.wait().out();
        // The kill may have come in the middle of a line.
        let whole = told.rsplit_once('\0').map(|(whole, _)| whole).unwrap_or_default();
        whole.split('\0').map(str::to_owned).collect()
    }
}

/// One secret, and one bundle that asks for it.
struct Scene {
    rig: Rig<Bare>,
    needle: Needle,
    bundle: Bundle,
    original: String,
}

impl Scene {
    fn new(rig: Rig<Bare>) -> Self {
        let needle = Needle::random();
        let secret = rig.daemon.cli().add(needle.value());
        let request = Request::printing_environment().env("A", &format!("ampoule://{secret}"));
        let bundle = rig.engine.bundle("watched", &request);
        let original = fs::read_to_string(bundle.config_path()).expect("config.json");
        Self { rig, needle, bundle, original }
    }

    fn path(&self) -> &str {
        self.bundle.path.to_str().expect("UTF-8")
    }

    fn start(&self) -> Job {
        let site = self.rig.engine.site();
        site.realm.start(&mut site.runtime(&["run", "--bundle", self.path(), &self.rig.engine.fresh_id()]), b"")
    }

    #[track_caller]
    fn assert_served(&self, what: &str, ran: &Ran) {
        assert!(ran.code() == 0 && ran.err().is_empty(), "{what}: exit {}, {} {}", ran.code(), ran.err(), self.log());
        assert!(ran.out().contains(&format!("A={}\0", self.needle.value())), "{what}: no value in the container");
    }

    /// What the engine's log says.
    fn log(&self) -> String {
        fs::read_to_string(self.rig.engine.site().log()).unwrap_or_default()
    }

    #[track_caller]
    fn assert_untouched(&self, what: &str) {
        self.rig.engine.site().wait_for_helpers();
        assert!(self.bundle.is_pristine(), "{what}: the bundle is not as it was");
        let locks = self.rig.engine.site().realm.outside("/run/ampoule/locks");
        assert_eq!(fs::read_dir(&locks).expect("the locks' folder").count(), 0, "{what}: a lock is left");
        assert_eq!(fs::metadata(&locks).expect("the locks' folder").permissions().mode() & 0o777, 0o700);
    }
}

fn readers_for_ever_get_the_original(kind: Kind) {
    let scene = Scene::new(Rig::patient(kind));
    let readers = ["config.json", "others"].map(|which| Stranger::start(&scene, READ_FOR_EVER, &[scene.path(), which]));
    let ran: Vec<_> = (0..CREATES).map(|_| scene.start().wait()).collect();
    let [of_config, of_others] = readers.map(Stranger::stop);
    let expected: HashSet<String> =
        ["file:", "pipe:"].iter().flat_map(|kind| [(*kind).to_owned(), format!("{kind}{}", scene.original)]).collect();
    let odd: Vec<_> = of_config.union(&of_others).filter(|text| !expected.contains(*text)).collect();
    assert!(odd.is_empty(), "{odd:?}");
    // On a crowded machine a reader may get the processor in the very moment in which the runtime does.
    let log = scene.log();
    let collisions = log.lines().filter(|line| line.contains("(perl) reads")).count();
    let refused: Vec<_> = ran.iter().filter(|ran| ran.code() != 0).collect();
    assert!(refused.iter().all(|ran| ran.stdout.is_empty()) && refused.len() == collisions, "{refused:?} {log}");
    assert!(collisions <= CREATES / 20, "{collisions} of {CREATES} creates were refused: {log}");
    ran.iter().filter(|ran| ran.code() == 0).for_each(|ran| scene.assert_served("a create", ran));
    scene.assert_untouched("after all");
    assert!(of_config.contains(&format!("pipe:{}", scene.original)), "no pipe was met: this test shows nothing");
}

/// Before the shim is the runtime, somebody opens the pipe: by config.json, by the other name, or at the helper.
fn who_comes_before_the_runtime_gets_the_original(kind: Kind) {
    let scene = Scene::new(Rig::stoppable(kind));
    let site = scene.rig.engine.site();
    for (phase, name) in [("exchanged", "config.json"), ("linked", ".config.json.ampoule"), ("helper-ready", "")] {
        let gate = Gate::close(&site.realm, phase);
        let job = scene.start();
        gate.wait_until_reached();
        let beside = || format!("{}/{name}", scene.path());
        let place = if name.is_empty() { pipe_of_helper(&scene, job.pid()).0 } else { beside() };
        let mut stranger = Stranger::start(&scene, READ_A_PIPE, &[&place]);
        stranger.0.wait_for("open:");
        gate.open();
        scene.assert_served(phase, &job.wait());
        let told = stranger.0.wait().ok().out();
        assert_eq!(told, format!("open:{}", scene.original), "{phase}");
        scene.assert_untouched(phase);
    }
}

/// The helper's descriptor of its pipe: as it is called in the realm, and what it is.
fn pipe_of_helper(scene: &Scene, job: u32) -> (String, PathBuf) {
    let helpers = scene.rig.engine.site().helpers(job);
    // Of the two the other is its child.
    let helper = *helpers.iter().find(|&&pid| !is_child_of_any(pid, &helpers)).expect("a helper");
    let files = fs::read_dir(format!("/proc/{helper}/fdinfo")).expect("the helper lives").flatten();
    // Nothing else is for writing and never waits: O_WRONLY | O_NONBLOCK | O_CLOEXEC.
    let is_pipe = |file: &DirEntry| fs::read_to_string(file.path()).is_ok_and(|info| info.contains("flags:\t02004001"));
    let number = files.into_iter().find(is_pipe).expect("a pipe").file_name().into_string().expect("a number");
    let status = fs::read_to_string(format!("/proc/{helper}/status")).expect("the helper lives");
    let inside = status.lines().find_map(|line| line.strip_prefix("NSpid:")?.split_whitespace().next_back());
    let pipe = fs::read_link(format!("/proc/{helper}/fd/{number}")).expect("the helper lives");
    (format!("/proc/{}/fd/{number}", inside.expect("its ids")), pipe)
}

/// With both on one pipe nobody can say who would get the value: nobody gets it, and the engine is told why.
fn a_pipe_that_is_shared_stays_empty(kind: Kind) {
    let scene = Scene::new(Rig::stoppable(kind));
    let site = scene.rig.engine.site();
    let gate = Gate::close(&site.realm, "helper-waits");
    let job = scene.start();
    let mut stranger = Stranger::start(&scene, READ_A_PIPE, &[&format!("{}/config.json", scene.path())]);
    stranger.0.wait_for("open:");
    let pipe = pipe_of_helper(&scene, job.pid()).1;
    wait_until("both have the pipe", || [stranger.0.pid(), job.pid()].iter().all(|&pid| opened(pid).contains(&pipe)));
    gate.open();
    let ran = job.wait();
    assert!(ran.code() != 0 && ran.stdout.is_empty() && !ran.stderr.is_empty(), "exit {}, {}", ran.code(), ran.out());
    assert_eq!(stranger.0.wait().ok().out(), "open:");
    let log = scene.log();
    assert!(log.contains("(perl) reads") && log.contains("config.json"), "{log}");
    scene.assert_untouched("shared");
    scene.assert_served("the next create", &scene.start().wait());
}

/// What a process has open.
fn opened(pid: u32) -> Vec<PathBuf> {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    files.filter_map(|file| fs::read_link(file.path()).ok()).collect()
}

/// Whoever may read a directory may lock it.
fn a_lock_on_the_directory_hinders_nobody(kind: Kind) {
    const USER: &str = "12345";
    let scene = Scene::new(Rig::impatient(kind));
    let site = scene.rig.engine.site();
    fs::set_permissions(site.folder(), Permissions::from_mode(0o755)).expect("open to all");
    let mut holder = Command::new(programs::system("setpriv", "util-linux"));
    holder.args([&format!("--reuid={USER}"), &format!("--regid={USER}"), "--clear-groups", "flock", "--no-fork"]);
    let mut holder = site.realm.start(holder.args([scene.path(), "sleep", "1000"]), b"");
    let directory = File::open(scene.path()).expect("the bundle");
    wait_until("the bundle is locked", || directory.try_lock().is_err() || directory.unlock().is_err());
    scene.assert_served("a locked bundle", &scene.start().wait());
    assert!(directory.try_lock().is_err(), "the lock was lost: this test shows nothing");
    holder.kill();
    holder.wait();
    scene.assert_untouched("a locked bundle");
}

on_each_kind!(
    readers_for_ever_get_the_original,
    who_comes_before_the_runtime_gets_the_original,
    a_pipe_that_is_shared_stays_empty,
    a_lock_on_the_directory_hinders_nobody,
);
