//! The distribution's packages that base images are assembled from, where no registry answers.

/// Packages of one suite.
#[derive(Debug, Clone, Copy)]
pub struct Packages {
    /// Where they come from.
    pub suite: Suite,
    /// Their names.
    pub names: &'static [&'static str],
    /// If not empty, only these paths of them; with `!` in front, what is left out even so.
    pub only: &'static [&'static str],
}

/// A suite of the distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Suite {
    /// The stable one.
    Own(&'static str),
    /// One that is newer than the stable one, for a package that is too old there.
    Newest(&'static str),
}

/// What every base has. The rest of a row's packages stands on it.
pub const SMALL_SYSTEM: Packages = Packages {
    suite: Suite::Own("bookworm"),
    names: &["base-files", "ca-certificates", "libc-bin", "libc6", "libgcc-s1", "netbase", "tzdata"],
    only: &[],
};
/// A shell and the small programs that scripts call. Debian's is built without `flock`.
pub const SHELL: Packages = Packages { names: &["busybox"], ..SMALL_SYSTEM };
/// To take a lock.
pub const FLOCK: Packages = Packages { names: &["util-linux"], only: &["usr/bin/flock"], ..SMALL_SYSTEM };

/// What PostgreSQL's programs load, as `ldd` says, and its client.
pub const POSTGRES_PACKAGES: &[&str] = &[
    "libaudit1",
    "libcap-ng0",
    "libcap2",
    "libcom-err2",
    "libffi8",
    "libgcrypt20",
    "libgmp10",
    "libgnutls30",
    "libgpg-error0",
    "libgssapi-krb5-2",
    "libhogweed6",
    "libicu72",
    "libidn2-0",
    "libk5crypto3",
    "libkeyutils1",
    "libkrb5-3",
    "libkrb5support0",
    "libldap-2.5-0",
    "liblz4-1",
    "liblzma5",
    "libnettle8",
    "libp11-kit0",
    "libpam0g",
    "libpq5",
    "libreadline8",
    "libsasl2-2",
    "libssl3",
    "libstdc++6",
    "libsystemd0",
    "libtasn1-6",
    "libtinfo6",
    "libunistring2",
    "libxml2",
    "libzstd1",
    "postgresql-client-15",
    "zlib1g",
];

/// PostgreSQL's server, without the compiler for queries: with what that needs it would be four fifths of the image.
pub const POSTGRES_SERVER: Packages = Packages {
    names: &["postgresql-15"],
    only: &[
        "usr/lib/postgresql/15",
        "usr/share/postgresql/15",
        "!usr/lib/postgresql/15/lib/bitcode",
        "!usr/lib/postgresql/15/lib/llvmjit.so",
    ],
    ..SMALL_SYSTEM
};

/// What the server of the next Debian stands on: its C library is newer. A shell and `flock` of the older one run there as well.
pub const TRIXIE_SYSTEM: Packages = Packages { suite: Suite::Own("trixie"), ..SMALL_SYSTEM };
/// What its programs load.
pub const TRIXIE_LIBRARIES: Packages = Packages {
    names: &[
        "libaudit1",
        "libcap-ng0",
        "libcap2",
        "libcom-err2",
        "libffi8",
        "libgcrypt20",
        "libgmp10",
        "libgnutls30t64",
        "libgpg-error0",
        "libgssapi-krb5-2",
        "libhogweed6t64",
        "libicu76",
        "libidn2-0",
        "libk5crypto3",
        "libkeyutils1",
        "libkrb5-3",
        "libkrb5support0",
        "libldap2",
        "liblz4-1",
        "liblzma5",
        "libnettle8t64",
        "libp11-kit0",
        "libpam0g",
        "libpq5",
        "libreadline8t64",
        "libsasl2-2",
        "libssl3t64",
        "libstdc++6",
        "libsystemd0",
        "libtasn1-6",
        "libtinfo6",
        "libunistring5",
        "libxml2",
        "libxxhash0",
        "libzstd1",
        "postgresql-client-17",
        "zlib1g",
    ],
    ..TRIXIE_SYSTEM
};
/// The same of the next major version.
pub const POSTGRES_17_SERVER: Packages = Packages {
    names: &["postgresql-17"],
    only: &[
        "usr/lib/postgresql/17",
        "usr/share/postgresql/17",
        "!usr/lib/postgresql/17/lib/bitcode",
        "!usr/lib/postgresql/17/lib/llvmjit.so",
    ],
    ..TRIXIE_SYSTEM
};

/// What syslog-ng and its `http` load, as `ldd` says.
pub const SHIPPER_PACKAGES: &[&str] = &[
    "libbrotli1",
    "libcap2",
    "libcom-err2",
    "libcurl4",
    "libffi8",
    "libgcrypt20",
    "libglib2.0-0",
    "libgmp10",
    "libgnutls30",
    "libgpg-error0",
    "libgssapi-krb5-2",
    "libhogweed6",
    "libidn2-0",
    "libivykis0",
    "libjson-c5",
    "libk5crypto3",
    "libkeyutils1",
    "libkrb5-3",
    "libkrb5support0",
    "libldap-2.5-0",
    "liblz4-1",
    "liblzma5",
    "libnet1",
    "libnettle8",
    "libnghttp2-14",
    "libnsl2",
    "libp11-kit0",
    "libpcre2-8-0",
    "libpcre3",
    "libpsl5",
    "librtmp1",
    "libsasl2-2",
    "libssh2-1",
    "libssl3",
    "libsystemd0",
    "libtasn1-6",
    "libtirpc3",
    "libunistring2",
    "libwrap0",
    "libzstd1",
    "syslog-ng-mod-http",
    "zlib1g",
];
