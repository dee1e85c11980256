//! The files that a scenario names, found once: what is written of a scenario names them so that it can be read from
//! anywhere.

use std::path::{Path, PathBuf};

use cloud::profile::Profile as CloudProfile;

use super::model::{HourlySource, Scenario};

/// The city profile that is built in, by its name.
pub(super) const NEW_YORK_PEAK: &str = "new-york-peak";

/// A path that stands in a file, seen from that file.
pub fn beside(origin: Option<&Path>, path: &Path) -> PathBuf {
    match origin.and_then(Path::parent) {
        Some(folder) if path.is_relative() && !path.exists() => folder.join(path),
        _ => path.to_owned(),
    }
}

/// Has a scenario that came from `origin` (none: it is built in) name its files from the root on.
pub(super) fn find(scenario: &mut Scenario, origin: Option<&Path>) {
    let found = |path: &Path| {
        let path = beside(origin, path);
        std::path::absolute(&path).unwrap_or(path)
    };
    let city = &mut scenario.city;
    let demand = &mut scenario.demand;
    let hourly = demand.hourly.as_mut().and_then(|source| match source {
        HourlySource::Profile(path) => Some(path),
        HourlySource::Rates(_) => None,
    });
    let profiles = [city.zones.as_mut(), demand.profile.as_mut(), hourly];
    let profiles = profiles.into_iter().flatten();
    let files = [
        &mut city.network,
        &mut city.nodes,
        &mut city.edges,
        &mut city.turns,
        &mut demand.file,
        &mut scenario.cloud.prices,
    ];
    let files = files.into_iter().filter_map(Option::as_mut);
    for path in profiles
        .filter(|path| path.as_path() != Path::new(NEW_YORK_PEAK))
        .chain(files)
    {
        *path = found(path);
    }
    // One that is not there may be a name that is misspelt.
    let cloud = &mut scenario.cloud.profile;
    let path = found(Path::new(&*cloud));
    if CloudProfile::shipped(cloud).is_none() && path.exists() {
        *cloud = path.display().to_string();
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{BUILT_IN, load};

    #[test]
    fn files_of_the_cloud_lie_beside_the_scenario() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("city.toml");
        let text = "[cloud]\nprices = 'prices.toml'\nprofile = 'mine.toml'";
        std::fs::write(&path, text).unwrap();
        std::fs::write(folder.path().join("mine.toml"), "").unwrap();
        let cloud = load(path.to_str(), &[]).unwrap().scenario.cloud;
        assert_eq!(cloud.prices, Some(folder.path().join("prices.toml")));
        assert_eq!(Path::new(&cloud.profile), folder.path().join("mine.toml"));
        let shipped = load(None, &[]).unwrap().scenario.cloud;
        assert_eq!(shipped.profile, "aws-us-east-1");
    }

    #[test]
    fn what_is_written_of_a_scenario_is_read_from_anywhere() {
        let folder = tempfile::tempdir().unwrap();
        // But for one whose demand is yet to be imported.
        for (name, _) in BUILT_IN.iter().filter(|(name, _)| *name != "recorded") {
            let resolved = load(Some(name), &[]).unwrap();
            let path = folder.path().join("scenario.toml");
            std::fs::write(&path, toml::to_string(&resolved.scenario).unwrap()).unwrap();
            let again = load(path.to_str(), &[]).unwrap();
            assert_eq!(again.scenario, resolved.scenario);
        }
    }
}
