//! Passwords: argon2id, in memory that is kept and used again, away from the threads that answer requests.
//!
//! A check takes 19 MiB and a whole core, and anybody may ask for one. So the memory is there once for each that may be
//! at work, and never given back: an allocator that is handed such blocks by many threads keeps more of them than are in
//! use at any time, up to gigabytes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use argon2::password_hash::phc::{Output, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use tokio::task::spawn_blocking;

use crate::client::Network;
use crate::lane::{Full, Lane, Place, Turn, Width};
use crate::throttle::{Account, Visitor};

/// Of those who come from where nobody has logged in before with that address; at forty checks a second, the last one
/// waits for a second and a half.
const STRANGERS: Width = Width { at_work: 2, let_in: 64, of_one_kind: 32, patience: Duration::from_secs(3) };
/// Of those whose browser is known for the address. However many strangers there are, these have a turn of their own.
const KNOWN: Width = Width { at_work: 1, let_in: 16, of_one_kind: 4, patience: Duration::from_secs(3) };

/// How many checks may be at work at once.
pub const AT_WORK: usize = STRANGERS.at_work + KNOWN.at_work;
/// What all of them may hold, in MiB: a figure of `docs/limits.md`.
pub const MEMORY: usize = AT_WORK * Params::DEFAULT_M_COST as usize / 1024;

/// A hash that no password fits, made with the parameters of all the others. Checking against it takes as long as
/// checking a real one, so that the time of an answer doesn't tell whether an address is known.
pub const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdCE$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Checks passwords, so many at once.
#[derive(Debug)]
pub struct Checks {
    strangers: Lane<Kind>,
    known: Lane<Kind>,
    /// What no check is using. Never more than checks may be at work.
    memory: Arc<Mutex<Vec<Vec<Block>>>>,
}

/// Somebody who may have a password checked.
#[derive(Debug)]
pub struct Check {
    place: Place<Kind>,
    memory: Arc<Mutex<Vec<Vec<Block>>>>,
}

/// What none may fill a lane with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Kind {
    Client(Option<Network>),
    Account(Account),
}

/// Why a password was not checked.
#[derive(Debug, thiserror::Error)]
pub enum Unchecked {
    /// Others are waiting already.
    #[error(transparent)]
    Full(#[from] Full),
    /// The hash is none, or one of another kind than we make.
    #[error("the password could not be checked")]
    Failed(#[from] anyhow::Error),
}

impl Checks {
    /// So wide for strangers, and so wide for those who are known.
    pub fn new(strangers: Width, known: Width) -> Self {
        Self { strangers: Lane::new(strangers), known: Lane::new(known), memory: Arc::default() }
    }

    /// Takes a place among those who wait. Before anything else is done for a log-in, since that costs as well.
    ///
    /// # Errors
    /// At once, when too many wait already.
    pub fn enter(&self, visitor: &Visitor) -> Result<Check, Full> {
        let known = visitor.device.and_then(|_| self.known.enter(Kind::Account(visitor.account)).ok());
        let place = match known {
            Some(place) => place,
            None => self.strangers.enter(Kind::Client(visitor.client))?,
        };
        Ok(Check { place, memory: Arc::clone(&self.memory) })
    }
}

impl Default for Checks {
    fn default() -> Self {
        Self::new(STRANGERS, KNOWN)
    }
}

impl Check {
    /// Whether this is the password of this hash. Without a hash (nobody has that address) the answer is no, and takes as
    /// long.
    pub async fn fits(&self, password: String, hash: Option<String>) -> Result<bool, Unchecked> {
        let turn = self.place.turn().await?;
        let memory = Arc::clone(&self.memory);
        let checked = spawn_blocking(move || {
            let mut memory = Memory::take(memory, turn);
            fits(password.as_bytes(), hash.as_deref().unwrap_or(NOBODYS), &mut memory.blocks)
        });
        Ok(checked.await.context("checking a password")??)
    }

    /// A new password's hash. It takes as long as checking one, the turn of one and its memory.
    pub async fn hash(&self, password: String) -> Result<String, Unchecked> {
        let turn = self.place.turn().await?;
        let memory = Arc::clone(&self.memory);
        let hashed = spawn_blocking(move || {
            let mut memory = Memory::take(memory, turn);
            hash_in(&password, &mut memory.blocks)
        });
        Ok(hashed.await.context("hashing a password")??)
    }
}

/// What a check works in. Given back, with the turn, when the check ends and not when its client goes away.
struct Memory {
    blocks: Vec<Block>,
    home: Arc<Mutex<Vec<Vec<Block>>>>,
    _turn: Turn,
}

impl Memory {
    fn take(home: Arc<Mutex<Vec<Vec<Block>>>>, turn: Turn) -> Self {
        let kept = home.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let blocks = kept.unwrap_or_else(|| vec![Block::new(); Params::DEFAULT.block_count()]);
        Self { blocks, home, _turn: turn }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let blocks = std::mem::take(&mut self.blocks);
        self.home.lock().unwrap_or_else(PoisonError::into_inner).push(blocks);
    }
}

/// A hash that wants more memory than ours do is an error: nothing here may take more than it was given.
fn fits(password: &[u8], hash: &str, memory: &mut [Block]) -> anyhow::Result<bool> {
    let hash = PasswordHash::new(hash)?;
    let (Some(salt), Some(expected)) = (&hash.salt, &hash.hash) else {
        anyhow::bail!("a hash without a salt or an output")
    };
    let algorithm = Algorithm::try_from(hash.algorithm.as_str())?;
    let version = hash.version.map(Version::try_from).transpose()?.unwrap_or_default();
    let argon2 = Argon2::new(algorithm, version, Params::try_from(&hash)?);
    let mut output = [0; Output::MAX_LENGTH];
    let output = &mut output[..expected.len()];
    argon2.hash_password_into_with_memory(password, salt.as_ref(), output, memory)?;
    // In constant time, as the type has it.
    Ok(Output::new(output)? == *expected)
}

/// Hashes a new password, in the form that [`Check::fits`] and the database expect. For commands: it takes as long as it
/// takes, and memory of its own.
pub fn hash(password: &str) -> anyhow::Result<String> {
    hash_in(password, &mut vec![Block::new(); Params::DEFAULT.block_count()])
}

/// As the crate's `hash_password`, which takes new memory each time.
fn hash_in(password: &str, memory: &mut [Block]) -> anyhow::Result<String> {
    let argon2 = Argon2::default();
    let (mut salt, mut output) = ([0; Salt::RECOMMENDED_LENGTH], [0; Params::DEFAULT_OUTPUT_LEN]);
    getrandom::fill(&mut salt).context("no randomness for a salt")?;
    argon2.hash_password_into_with_memory(password.as_bytes(), &salt, &mut output, memory)?;
    let hash = PasswordHash {
        algorithm: Algorithm::default().ident(),
        version: Some(Version::default().into()),
        params: argon2.params().try_into()?,
        salt: Some(Salt::new(&salt)?),
        hash: Some(Output::new(&output)?),
    };
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::PasswordHasher;
    use uuid::Uuid;

    use super::*;

    fn stranger() -> Visitor {
        Visitor { account: Account::of("ada@acme.example"), client: None, device: None }
    }

    async fn checked(password: &str, hash: Option<String>) -> bool {
        Checks::default().enter(&stranger()).unwrap().fits(password.into(), hash).await.unwrap()
    }

    #[tokio::test]
    async fn a_password_fits_its_own_hash_only() {
        let hash = hash("correct horse").unwrap();
        assert!(checked("correct horse", Some(hash.clone())).await);
        assert!(!checked("battery staple", Some(hash)).await);
        assert!(!checked("any", None).await);
    }

    #[test]
    fn nobody_s_hash_costs_what_a_real_one_costs() {
        let cost = |hash: &str| hash.rsplitn(3, '$').last().unwrap().to_owned();
        assert_eq!(cost(&hash("any").unwrap()), cost(NOBODYS));
    }

    #[test]
    fn a_hash_that_wants_more_memory_than_ours_is_refused() {
        let hash = NOBODYS.replace("m=19456", "m=19464");
        let mut memory = vec![Block::new(); Params::DEFAULT.block_count()];
        assert!(fits(b"any", &hash, &mut memory).is_err());
    }

    /// Those of the crate, of which the database has many.
    #[test]
    fn a_new_hash_has_the_form_of_those_that_are_there() {
        let fields = |hash: &str| hash.split('$').map(str::len).collect::<Vec<_>>();
        let theirs = Argon2::default().hash_password(b"any").unwrap().to_string();
        assert_eq!(fields(&hash("any").unwrap()), fields(&theirs));
        assert_ne!(hash("any").unwrap(), hash("any").unwrap(), "two with one salt");
    }

    /// Each who chooses a password has one hashed, with the memory that is there for checks.
    #[tokio::test]
    async fn hashing_takes_no_memory_beside_that_of_checks() {
        let checks = Checks::default();
        for _ in 0..2 {
            let hash = checks.enter(&stranger()).unwrap().hash("any".into()).await.unwrap();
            assert_eq!(checks.memory.lock().unwrap().len(), 1);
            assert!(checks.enter(&stranger()).unwrap().fits("any".into(), Some(hash)).await.unwrap());
        }
    }

    #[test]
    fn who_is_known_is_let_in_when_strangers_are_not() {
        let width = Width { at_work: 1, let_in: 1, of_one_kind: 1, patience: Duration::ZERO };
        let checks = Checks::new(width, width);
        let known = Visitor { device: Some(Uuid::now_v7()), ..stranger() };
        let _stranger = checks.enter(&stranger()).unwrap();
        assert_eq!(checks.enter(&stranger()).unwrap_err(), Full::ForAll);
        let inside = checks.enter(&known).unwrap();
        // And then waits with the strangers.
        assert!(checks.enter(&known).is_err());
        drop(inside);
        assert!(checks.enter(&known).is_ok());
    }

    /// The turn of a check belongs to the check, and not to who waits for its answer: else each client that goes away
    /// makes room for one more check, while its own goes on.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn clients_that_go_away_free_no_turn() {
        let width = Width { at_work: 1, let_in: 8, of_one_kind: 8, patience: Duration::from_secs(3) };
        let checks = Arc::new(Checks::new(width, width));
        let mut clients = Vec::new();
        for _ in 0..8 {
            let checks = Arc::clone(&checks);
            clients.push(tokio::spawn(async move {
                checks.enter(&stranger()).unwrap().fits("not it".into(), None).await.unwrap();
            }));
        }
        // Some have begun by now, as one should; all go away.
        tokio::time::sleep(Duration::from_millis(5)).await;
        clients.into_iter().for_each(|client| client.abort());
        // Who comes now waits for the check that goes on, and then there is memory for one.
        while checks.enter(&stranger()).is_err() {
            tokio::task::yield_now().await;
        }
        checks.enter(&stranger()).unwrap().fits("not it".into(), None).await.unwrap();
        assert_eq!(checks.memory.lock().unwrap().len(), 1);
    }
}
