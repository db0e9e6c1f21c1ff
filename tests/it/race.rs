//! Two creates on one bundle at once.

use std::thread;
use std::time::Duration;

use crate::support::bundle::{Bundle, Request};
use crate::support::engine::{Bare, Engine, on_every_runtime};
use crate::support::rig::Rig;

const ROUNDS: u64 = 60;

/// Either both containers get the value, or one of them is not made and its caller hears why. Never does a container
/// see the reference in place of the value.
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
    let mut both = 0;
    for round in 0..ROUNDS {
        let ids = ["first", "second"].map(|which| format!("{name}-{which}-{round}"));
        let jobs = ids.each_ref().map(|id| {
            let job = site.realm.start(&mut site.runtime(&["run", "--bundle", path, id]), b"");
            // The second one meets the first in every phase.
            thread::sleep(Duration::from_micros(round * 500));
            job
        });
        let mut served = 0;
        for ran in jobs.map(crate::support::process::Job::wait) {
            assert!(!ran.out().contains("ampoule://"), "round {round}: a container saw the reference");
            if ran.code() == 0 {
                assert!(ran.out().contains("A=alpha\0"), "round {round}: {}", ran.out());
                served += 1;
            } else {
                // The shim's own refusal, or the runtime's, whose text went to crun's second look for the other container.
                let named = ["bundle", "config.json"].iter().any(|part| ran.err().contains(part));
                assert!(ran.stdout.is_empty() && named, "round {round}: {}", ran.err());
            }
        }
        assert!(served >= 1, "round {round}: neither container was made");
        both += u64::from(served == 2);
        assert!(bundle.is_pristine(), "round {round}: the bundle is not as it was");
    }
    assert!(both > 0, "not once were both containers made");
}

on_every_runtime!(two_creates_on_one_bundle);
