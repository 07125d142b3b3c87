//! Passwords: argon2id, away from the threads that answer requests.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// Each check takes 19 MiB and a whole core: a storm of log-ins waits here instead of eating the host.
static AT_ONCE: Semaphore = Semaphore::const_new(4);

/// A hash that no password fits, made with the parameters of all the others. Checking against it takes as long as
/// checking a real one, so that the time of an answer doesn't tell whether an address is known.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdCE$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hashes a new password, in the form that [`verify`] and the database expect.
pub async fn hash(password: String) -> anyhow::Result<String> {
    let _turn = AT_ONCE.acquire().await?;
    spawn_blocking(move || Ok(Argon2::default().hash_password(password.as_bytes())?.to_string())).await?
}

/// Whether this is the password of this hash. Without a hash (nobody has that address) the answer is no, and takes as
/// long.
pub async fn verify(password: String, hash: Option<String>) -> anyhow::Result<bool> {
    let _turn = AT_ONCE.acquire().await?;
    spawn_blocking(move || {
        let hash = PasswordHash::new(hash.as_deref().unwrap_or(NOBODYS))?;
        Ok(Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
    })
    .await?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_fits_its_own_hash_only() {
        let hash = hash("correct horse".into()).await.unwrap();
        assert!(verify("correct horse".into(), Some(hash.clone())).await.unwrap());
        assert!(!verify("battery staple".into(), Some(hash)).await.unwrap());
    }

    #[tokio::test]
    async fn nobody_s_hash_costs_what_a_real_one_costs() {
        let real = hash("any".into()).await.unwrap();
        let cost = |hash: &str| hash.rsplitn(3, '$').last().unwrap().to_owned();
        assert_eq!(cost(&real), cost(NOBODYS));
        assert!(!verify("any".into(), None).await.unwrap());
    }
}
