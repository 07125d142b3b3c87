//! What goes into an image, staged in a folder that holds nothing else.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest as _, Sha256};
use xshell::Shell;

use super::BuiltImage;
use super::parts::Written;
use super::tree::Tree;
use crate::product::sbom;
use crate::project::{Component, INPUTS_LABEL, RECIPE_LABEL, SBOM_LABEL};
use crate::setup;
use crate::terminal::Activity;
use crate::tools::docker;
use crate::tools::docker::buildx::Build;
use crate::tools::files::hex::hex;
use crate::tools::process::Run;
use crate::workspace;

/// The longest that building an image may take: its sources may be compiled in it.
const BUILD_TIMEOUT: Duration = Duration::from_secs(600);

/// What goes into an image.
pub struct Inputs {
    /// Whose image it is.
    pub component: Component,
    /// Files and folders of this machine, and their names in the context.
    pub files: Vec<(Utf8PathBuf, String)>,
    /// Build arguments.
    pub arguments: Vec<(&'static str, String)>,
    /// The list of what the image is made of, which lies in it.
    pub parts: Written,
}

impl Inputs {
    /// Builds the image, unless the engine has one that was made of these very inputs, or of this very commit: a compiler that
    /// went on from what another commit had left may give other bytes, and the same commit is to be the same release.
    pub fn build(self, sh: &Shell, tree: &Tree) -> Result<BuiltImage> {
        let component = self.component;
        let dockerfile = workspace::root().join(component.folder).join("Dockerfile");
        let context = workspace::target_dir().join("images").join(component.name);
        self.stage(&context, tree.time())?;
        let name = format!("{}/{}", tree.repository(), component.image);
        let tags: Vec<String> = tree.tags().iter().map(|tag| format!("{name}:{tag}")).collect();
        let mut labels = tree.labels();
        labels.push((SBOM_LABEL.to_owned(), self.parts.sum.clone()));
        let recipe = self.recipe(&dockerfile, &labels)?;
        let inputs = fingerprint(&recipe, &context)?;
        labels.extend(
            [(RECIPE_LABEL, &recipe), (INPUTS_LABEL, &inputs)]
                .map(|(name, it)| (name.to_owned(), it.clone())),
        );
        let known = match tree.dirty {
            None => same_image(sh, &tags[0], RECIPE_LABEL, &recipe)?,
            Some(_) => same_image(sh, &tags[0], INPUTS_LABEL, &inputs)?,
        };
        if let Some((id, bytes)) = known {
            tags[1..].iter().try_for_each(|tag| Run::new(docker::tag(sh, &id, tag)).run())?;
            return Ok(BuiltImage { component, id, tags, bytes, sbom: self.parts.sum });
        }
        let buildx = setup::buildx()?;
        let id_file = context.with_extension("id");
        let arguments = self.arguments;
        let (time, tags_too) = (tree.commit.time, tags.clone());
        let build =
            Build { dockerfile: &dockerfile, context: &context, arguments, time, labels, tags: tags_too };
        Activity::of(format!("build the image {}", component.image), |activity| {
            Run::new(buildx.build(sh, &build, &id_file))
                .timeout(BUILD_TIMEOUT)
                .each_line(&|line| activity.line(line))
                .run()
        })
        .with_context(|| format!("building the image of {}", component.name))?;
        let built = same_image(sh, &tags[0], INPUTS_LABEL, &inputs)?;
        let (id, bytes) = built.context("the engine lost the image that it has just built")?;
        Ok(BuiltImage { component, id, tags, bytes, sbom: self.parts.sum })
    }

    /// A context that holds only what the image needs, each file with a time that follows from the commit's and its own
    /// content, and with rights that follow from whether it is a program: layers hold both, so the same inputs must have the
    /// same, whatever the umask was when they were checked out or built.
    fn stage(&self, context: &Utf8Path, time: SystemTime) -> Result<()> {
        if context.exists() {
            fs::remove_dir_all(context).with_context(|| format!("emptying {context}"))?;
        }
        fs::create_dir_all(context).with_context(|| format!("making {context}"))?;
        copy(&self.parts.file, &context.join(sbom::FILE), time)?;
        self.files.iter().try_for_each(|(from, name)| copy(from, &context.join(name), time))
    }

    /// What goes into the image beside its files, as a hash.
    fn recipe(&self, dockerfile: &Utf8Path, labels: &[(String, String)]) -> Result<String> {
        let mut all = Sha256::new();
        all.update(fs::read(dockerfile).with_context(|| format!("reading {dockerfile}"))?);
        all.update(format!("{:?} {labels:?}", self.arguments));
        Ok(hex(&all.finalize()))
    }
}

/// The recipe and the files, as a hash.
fn fingerprint(recipe: &str, context: &Utf8Path) -> Result<String> {
    let mut all = Sha256::new();
    all.update(recipe);
    for path in files_below(context)? {
        all.update(path.strip_prefix(context).unwrap_or(&path).as_str());
        all.update(Sha256::digest(fs::read(&path)?));
    }
    Ok(hex(&all.finalize()))
}

/// The id and size of the image of this name, if it has this label.
fn same_image(sh: &Shell, name: &str, label: &str, value: &str) -> Result<Option<(String, u64)>> {
    let told = Run::new(docker::inspect(sh, name, "{{json .}}")).finish()?;
    let image: serde_json::Value = serde_json::from_str(&told.stdout).unwrap_or_default();
    let same = image["Config"]["Labels"][label] == *value;
    let id = image["Id"].as_str().filter(|_| same);
    Ok(id.map(|id| (id.to_owned(), image["Size"].as_u64().unwrap_or(0))))
}

fn copy(from: &Utf8Path, to: &Utf8Path, commit: SystemTime) -> Result<()> {
    let (time, mode) = if from.is_dir() {
        fs::create_dir_all(to)?;
        for entry in from.read_dir_utf8()? {
            let entry = entry?;
            copy(entry.path(), &to.join(entry.file_name()), commit)?;
        }
        (commit, 0o755)
    } else {
        fs::copy(from, to).with_context(|| format!("copying {from}"))?;
        let is_program = fs::metadata(from)?.permissions().mode() & 0o100 != 0;
        (time_of(&fs::read(to)?, commit), if is_program { 0o755 } else { 0o644 })
    };
    fs::set_permissions(to, fs::Permissions::from_mode(mode))?;
    let file = fs::File::open(to)?;
    file.set_modified(time).with_context(|| format!("setting the time of {to}"))
}

/// A moment within the days before the commit, which differs when the content does. BuildKit takes a file of the same
/// size and time for unchanged and would use the one that it has, and a web server makes its ETag of the two.
fn time_of(content: &[u8], commit: SystemTime) -> SystemTime {
    let hash = Sha256::digest(content);
    let part = |from: usize| u32::from_be_bytes(hash[from..from + 4].try_into().expect("four bytes"));
    commit - Duration::new(u64::from(part(0) % 1_000_000), part(4) % 1_000_000_000)
}

fn files_below(folder: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
    let mut files = Vec::new();
    for entry in folder.read_dir_utf8()? {
        let path = entry?.into_path();
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_staged_is_the_same_whatever_the_umask_was_and_when_it_was_checked_out() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(temporary.path()).unwrap();
        let commit = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let staged = |name: &str, [of_folder, of_file, of_program]: [u32; 3]| {
            let (from, to) = (folder.join(name), folder.join(format!("{name}-staged")));
            fs::create_dir(&from).unwrap();
            for (file, mode) in [("page.html", of_file), ("program", of_program)] {
                fs::write(from.join(file), file).unwrap();
                fs::set_permissions(from.join(file), fs::Permissions::from_mode(mode)).unwrap();
            }
            fs::set_permissions(&from, fs::Permissions::from_mode(of_folder)).unwrap();
            copy(&from, &to, commit).unwrap();
            [to.clone(), to.join("page.html"), to.join("program")].map(|path| {
                let found = fs::metadata(path).unwrap();
                (found.permissions().mode() & 0o7777, found.modified().unwrap())
            })
        };
        let (one, other) = (staged("one", [0o755, 0o644, 0o755]), staged("other", [0o700, 0o600, 0o700]));
        assert_eq!(one, other);
        assert_eq!(one.map(|(mode, _)| mode), [0o755, 0o644, 0o755]);
    }

    #[test]
    fn files_of_one_size_have_one_time_only_when_their_content_is_one() {
        let commit = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        assert_eq!(time_of(b"<script 1>", commit), time_of(b"<script 1>", commit));
        let whole = |content: &[u8]| {
            commit.duration_since(time_of(content, commit)).expect("before the commit").as_secs()
        };
        assert_ne!(whole(b"<script 1>"), whole(b"<script 2>"), "to the second: layers hold no more");
    }
}
