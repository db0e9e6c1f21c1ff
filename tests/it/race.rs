//! Two creates on one bundle at once.

use std::thread;
use std::time::Duration;

use crate::support::bundle::{Bundle, Request};
use crate::support::engine::{Bare, Engine, on_every_runtime};
use crate::support::rig::Rig;

const ROUNDS: u64 = 60;

/// Both containers get the value, whichever phase of the one the other meets.
fn two_creates_on_one_bundle(rig: &Rig<Bare>) {
    let secret = rig.daemon.cli().add("alpha");
    let request = Request::printing_environment().env("A", &format!("ampoule://{secret}"));
    let site = rig.engine.site();
    let name = site.folder().file_name().expect("named").to_string_lossy();
    let mut config = request.config(&site.rootfs, "");
    // Without it each container has a group by its own name: two in one would hinder each other with any bundle.
    config["linux"].as_object_mut().expect("an object").remove("cgroupsPath");
    let bundle = Bundle::write(site.folder().join("shared"), &config);
    let path = bundle.path.to_str().expect("UTF-8");
    for round in 0..ROUNDS {
        let ids = ["first", "second"].map(|which| format!("{name}-{which}-{round}"));
        let jobs = ids.each_ref().map(|id| {
            let job = site.realm.start(&mut site.runtime(&["run", "--bundle", path, id]), b"");
            // The second one meets the first in every phase.
            thread::sleep(Duration::from_micros(round * 500));
            job
        });
        for ran in jobs.map(crate::support::process::Job::wait) {
            assert!(ran.code() == 0 && ran.err().is_empty(), "round {round}: {}", ran.err());
            assert!(ran.out().contains("A=alpha\0"), "round {round}: {}", ran.out());
        }
        assert!(bundle.is_pristine(), "round {round}: the bundle is not as it was");
    }
}

on_every_runtime!(two_creates_on_one_bundle);
