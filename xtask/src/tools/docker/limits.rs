//! What a container may use of its machine, and may do there. The services of compose files have the same in those files.

/// For a container that works for a moment: less than it could take from what serves users, and no right beyond its user's.
pub const LIMITS: [&str; 6] = [
    "--memory=512m",
    "--memory-swap=512m",
    "--pids-limit=128",
    "--cpu-quota=100000",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
];
/// It writes to its mounts, and to memory.
pub const READ_ONLY: [&str; 2] = ["--read-only", "--tmpfs=/tmp"];
/// For root, who reads files of other users and gives files to them.
pub const OTHERS_FILES: [&str; 4] =
    ["--cap-add=CHOWN", "--cap-add=DAC_OVERRIDE", "--cap-add=FOWNER", "--cap-add=FSETID"];
/// The program of the public Caddy image is marked with it, and does not start without.
pub const CADDYS_MARK: [&str; 1] = ["--cap-add=NET_BIND_SERVICE"];

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    /// A machine of the lab needs all that its own engine hands out.
    const WITHOUT: [&str; 1] = ["lab/vps.rs"];

    /// The lines of the sources that start a container without limits, behind the names of their files.
    fn unlimited(folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                unlimited(&path, found);
            } else if !WITHOUT.iter().any(|name| path.ends_with(name)) && !path.ends_with(file!()) {
                let text = fs::read_to_string(&path).unwrap();
                let starts = text.lines().filter(|line| line.contains(concat!("\"docker", " run ")));
                let lacking = starts.filter(|line| !line.contains("{LIMITS...}"));
                found.extend(lacking.map(|line| format!("{}: {}", path.display(), line.trim())));
            }
        }
    }

    #[test]
    fn every_container_that_is_started_once_has_limits() {
        let mut found = Vec::new();
        unlimited(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
        assert_eq!(found, [""; 0]);
    }
}
