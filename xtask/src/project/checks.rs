//! What says that a commit's checks have passed, by name.

/// The image that holds the note, beside the commit's own: its tag is the commit.
pub const CHECKS_IMAGE: &str = "tracehub-checks";
/// The label of that image with the note, and the one with its signature: in hexadecimal, since neither quotes nor line ends
/// come through a Dockerfile's line as they are.
pub const NOTE_LABEL: &str = "tracehub.checks";
/// See [`NOTE_LABEL`].
pub const SIGNATURE_LABEL: &str = "tracehub.checks.signature";
/// What the signatures are for: one for anything else is not taken for one of these.
pub const CHECKS_NAMESPACE: &str = "tracehub-checks";
/// The variable with the key by which CI signs.
pub const CHECKS_KEY: &str = "CHECKS_SIGNING_KEY";
/// The variable that tells what the jobs of CI have come to.
pub const CHECKS_RESULTS: &str = "CI_RESULTS";
/// Who may sign, in the folder of what is deployed (ssh-keygen's format, 'ALLOWED SIGNERS').
pub const SIGNERS_FILE: &str = "allowed_signers";

/// The image that holds people's approvals, beside the commit's own.
pub const APPROVALS_IMAGE: &str = "tracehub-approvals";
/// What their signatures are for.
pub const APPROVALS_NAMESPACE: &str = "tracehub-approval";
/// Who may approve, in the folder of what is deployed, as [`SIGNERS_FILE`].
pub const APPROVERS_FILE: &str = "approvers";
