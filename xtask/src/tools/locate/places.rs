//! The places where programs are installed.

use camino::{Utf8Path, Utf8PathBuf};

/// All programs on the search path with one of these names: the first may be too old and the next one not.
pub fn on_path(names: &[&str]) -> Vec<Utf8PathBuf> {
    let all = names.iter().filter_map(|name| which::which_all(name).ok()).flatten();
    all.filter_map(|path| Utf8PathBuf::from_path_buf(path).ok()).collect()
}

/// The folders in which Docker's client looks for its plugins.
pub fn docker_plugin(name: &str) -> Vec<Utf8PathBuf> {
    let config = std::env::var("DOCKER_CONFIG").map(Utf8PathBuf::from);
    let home = std::env::var("HOME").map(|home| Utf8PathBuf::from(home).join(".docker"));
    let systems = ["/usr/local/lib", "/usr/local/libexec", "/usr/lib", "/usr/libexec"]
        .map(|folder| Utf8PathBuf::from(folder).join("docker/cli-plugins"));
    let of_desktop =
        ["/opt/homebrew/lib/docker/cli-plugins", "/Applications/Docker.app/Contents/Resources/cli-plugins"]
            .map(Utf8PathBuf::from);
    let users = config.or(home).ok().map(|folder| folder.join("cli-plugins"));
    let folders = users.into_iter().chain(systems).chain(of_desktop);
    folders.map(|folder| folder.join(name)).collect()
}

/// `llvm-cov` of the toolchain, if that has the component, and then those of the distribution, the newest first. The name of
/// the toolchain is known from cargo; asking the compiler would delay each run by its start.
pub fn llvm_cov() -> Vec<Utf8PathBuf> {
    let home = std::env::var("HOME").map(|home| Utf8PathBuf::from(home).join(".rustup"));
    let rustup = std::env::var("RUSTUP_HOME").map(Utf8PathBuf::from).or(home).unwrap_or_default();
    let toolchains = rustup.join("toolchains");
    let inside = format!("lib/rustlib/{}-unknown-linux-gnu/bin/llvm-cov", std::env::consts::ARCH);
    let own: Vec<Utf8PathBuf> = match std::env::var("RUSTUP_TOOLCHAIN") {
        Ok(name) => vec![toolchains.join(name)],
        Err(_) => toolchains
            .read_dir_utf8()
            .map(|all| all.flatten().map(|one| one.path().to_owned()).collect())
            .unwrap_or_default(),
    };
    let systems =
        (19..40).rev().map(|major| Utf8PathBuf::from(format!("/usr/lib/llvm-{major}/bin/llvm-cov")));
    own.iter().map(|one| one.join(&inside)).chain(systems).chain(on_path(&["llvm-cov"])).collect()
}

/// The PostgreSQL servers of one major version; `unpacked` is a folder into which its packages were unpacked.
pub fn postgres(major: u32, unpacked: &Utf8Path) -> Vec<Utf8PathBuf> {
    let inside = format!("usr/lib/postgresql/{major}/bin/postgres");
    let machine = [
        format!("/{inside}"),
        format!("/opt/homebrew/opt/postgresql@{major}/bin/postgres"),
        format!("/usr/pgsql-{major}/bin/postgres"),
    ];
    machine.map(Utf8PathBuf::from).into_iter().chain([unpacked.join(inside)]).collect()
}
