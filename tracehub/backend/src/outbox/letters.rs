//! What mails say, in the languages that pages have: as plain text, and as a page for those that show one.

use crate::http::{Cover, LinkKind, PageLanguage, html};

/// A mail, without whom it is to.
pub struct Written {
    pub subject: String,
    /// What it says.
    before: Vec<String>,
    /// What the link is called, and where it leads.
    button: (String, String),
    /// What one should know of the link.
    after: Vec<String>,
}

impl Written {
    /// For every mail reader.
    pub fn text(&self) -> String {
        let Self { before, button: (name, address), after, .. } = self;
        let paragraphs =
            before.iter().cloned().chain([format!("{name}:\n{address}")]).chain(after.iter().cloned());
        paragraphs.chain(["-- \nTraceHub\n".to_owned()]).collect::<Vec<_>>().join("\n\n")
    }

    /// For those that show pages: nothing in it is fetched, and it is read without its colours, too.
    pub fn html(&self) -> String {
        let paragraph = |text: &String| format!("<p>{}</p>", html(text));
        let (before, after): (String, String) =
            (self.before.iter().map(paragraph).collect(), self.after.iter().map(paragraph).collect());
        let (name, address) = (html(&self.button.0), html(&self.button.1));
        format!(
            "<!doctype html><html><head><meta charset=\"utf-8\"></head><body style=\"font-family:sans-serif;font-size:16px;\
             line-height:1.5;max-width:36em;margin:0 auto;padding:16px\">{before}<p><a href=\"{address}\" style=\"display:\
             inline-block;padding:12px 20px;border-radius:8px;background:#0b5c73;color:#ffffff;text-decoration:none\">{name}</a></p>\
             {after}<p style=\"color:#5b6770\">TraceHub</p></body></html>"
        )
    }
}

/// As many characters of a stranger's words stand in a mail.
const WORDS: usize = 40;

/// The beginning of what somebody typed: a name fits, and a letter of theirs to somebody else does not. No mail reader makes an
/// address of a page of it.
fn short(words: &str) -> String {
    let words = words.replace("://", " ").replace("www.", "www ");
    match words.char_indices().nth(WORDS) {
        Some((end, _)) => format!("{}…", words[..end].trim_end()),
        None => words,
    }
}

/// An invitation, or another password. Subjects are ours alone.
pub fn of_link(language: PageLanguage, link: &LinkKind, address: &str) -> Written {
    let (organisation, email) = (short(link.organisation()), link.email());
    let (subject, before, button, after) = match (language, link.is_invitation()) {
        (PageLanguage::En, true) => (
            "An invitation to TraceHub".to_owned(),
            format!(
                "{organisation} keeps its shipments and their papers in TraceHub, and invites you to join as {email}."
            ),
            format!("Join {organisation}"),
            "The link works once, for seven days. If you do not know what this is about, there is nothing that you need to do.",
        ),
        (PageLanguage::Fr, true) => (
            "Une invitation sur TraceHub".to_owned(),
            format!(
                "{organisation} gère ses expéditions et leurs documents dans TraceHub et vous invite à la rejoindre avec \
                 l’adresse {email}."
            ),
            format!("Rejoindre {organisation}"),
            "Le lien fonctionne une seule fois, pendant sept jours. Si cette invitation ne vous dit rien, vous n’avez rien à faire.",
        ),
        (PageLanguage::En, false) => (
            "Your new password for TraceHub".to_owned(),
            format!("Somebody, most likely you, has asked for a new password for {email}."),
            "Choose a new password".to_owned(),
            "The link works once, for an hour, and logs you out everywhere. If it was not you, leave this mail: your password \
             stays as it is.",
        ),
        (PageLanguage::Fr, false) => (
            "Votre nouveau mot de passe TraceHub".to_owned(),
            format!("Quelqu’un, sans doute vous, a demandé un nouveau mot de passe pour {email}."),
            "Choisir un nouveau mot de passe".to_owned(),
            "Le lien fonctionne une seule fois, pendant une heure, et vous déconnecte partout. Si ce n’était pas vous, ignorez ce \
             message : votre mot de passe reste le même.",
        ),
    };
    Written {
        subject,
        before: vec![before],
        button: (button, address.to_owned()),
        after: vec![after.to_owned()],
    }
}

/// For who wants to sign up. The name of their organisation is not in it: anybody may type any, and any address.
pub fn of_sign_up(language: PageLanguage, address: &str) -> Written {
    let (subject, before, button, after) = match language {
        PageLanguage::En => (
            "Begin with TraceHub",
            "Somebody, most likely you, wants to bring their firm to TraceHub with this address.",
            "Begin",
            "The link works once, for a day. If it was not you, leave this mail: nothing is made without the link.",
        ),
        PageLanguage::Fr => (
            "Commencer avec TraceHub",
            "Quelqu’un, sans doute vous, souhaite inscrire son entreprise sur TraceHub avec cette adresse.",
            "Commencer",
            "Le lien fonctionne une seule fois, pendant un jour. Si ce n’était pas vous, ignorez ce message : rien n’est créé sans \
             le lien.",
        ),
    };
    let button = (button.to_owned(), address.to_owned());
    Written {
        subject: subject.to_owned(),
        before: vec![before.to_owned()],
        button,
        after: vec![after.to_owned()],
    }
}

/// For who wants to sign up with an address that somebody has.
pub fn of_known(language: PageLanguage, email: &str, address: &str) -> Written {
    let (subject, before, button, after) = match language {
        PageLanguage::En => (
            "You are in TraceHub already",
            format!(
                "Somebody, most likely you, wanted to sign up with {email}. There is somebody with this address already."
            ),
            "Log in",
            "Forgot your password? You can choose another one where you log in. If it was not you, leave this mail.",
        ),
        PageLanguage::Fr => (
            "Vous êtes déjà sur TraceHub",
            format!(
                "Quelqu’un, sans doute vous, a voulu s’inscrire avec {email}. Cette adresse est déjà utilisée."
            ),
            "Se connecter",
            "Mot de passe oublié ? Vous pouvez en choisir un autre à la connexion. Si ce n’était pas vous, ignorez ce message.",
        ),
    };
    let button = (button.to_owned(), address.to_owned());
    Written { subject: subject.to_owned(), before: vec![before], button, after: vec![after.to_owned()] }
}

/// Papers for a buyer. What a passcode is, this does not say: it goes another way.
pub fn of_share(language: PageLanguage, cover: &Cover, address: &str) -> Written {
    let (organisation, reference) = (short(&cover.organisation), short(&cover.reference));
    let facts = cover.facts(language).into_iter().skip(1);
    let facts = facts.map(|(name, value)| format!("{name}: {}", short(&value)));
    let (subject, first, button, after) = match language {
        PageLanguage::En => (
            "Papers of a shipment".to_owned(),
            format!("{organisation} has put the papers of the shipment {reference} together for you."),
            "Open the papers",
            "Whoever has this link can open them: please pass it on with care.",
        ),
        PageLanguage::Fr => (
            "Documents d’une expédition".to_owned(),
            format!("{organisation} a réuni pour vous les documents de l’expédition {reference}."),
            "Ouvrir les documents",
            "Toute personne qui a ce lien peut les ouvrir : veuillez ne le transmettre qu’avec précaution.",
        ),
    };
    Written {
        subject,
        before: std::iter::once(first).chain(facts).collect(),
        button: (button.to_owned(), address.to_owned()),
        after: vec![after.to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_fits_and_a_letter_does_not() {
        assert_eq!(short("Coopérative Agricole de Soubré"), "Coopérative Agricole de Soubré");
        let letter = short(&format!("You won! https://prize.example {}", "é".repeat(200)));
        assert!(letter.chars().count() == WORDS + 1 && !letter.contains("://"), "{letter}");
    }

    #[test]
    fn names_are_text_in_a_page_and_a_link_is_whole_in_both_forms() {
        let written = Written {
            subject: String::new(),
            before: vec!["<b>Cacao & Fils</b>".into()],
            button: ("Open \"it\"".into(), "https://tracehub.example/shared?link=a&b".into()),
            after: vec![],
        };
        let page = written.html();
        assert!(
            page.contains("<p>&lt;b&gt;Cacao &amp; Fils&lt;/b&gt;</p>") && !page.contains("<b>"),
            "{page}"
        );
        assert!(page.contains("href=\"https://tracehub.example/shared?link=a&amp;b\""), "{page}");
        assert!(written.text().contains("Open \"it\":\nhttps://tracehub.example/shared?link=a&b\n"));
    }
}
