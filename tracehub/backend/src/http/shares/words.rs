//! What the page for the buyer says, in the languages that it has.

use super::PageLanguage;

/// Its words in one of them.
pub struct Words {
    pub lang: &'static str,
    pub papers_of: &'static str,
    pub from: &'static str,
    pub good_until: &'static str,
    pub all: &'static str,
    pub valid_until: &'static str,
    pub none: &'static str,
    pub passcode: &'static str,
    pub asks: &'static str,
    pub open: &'static str,
    pub wrong: &'static str,
    pub too_often: &'static str,
    pub gone_title: &'static str,
    pub gone: &'static str,
    pub later_title: &'static str,
    pub later: &'static str,
    pub reference: &'static str,
    pub product: &'static str,
    pub route: &'static str,
    pub container: &'static str,
    pub bill_of_lading: &'static str,
    pub vessel: &'static str,
    pub departs: &'static str,
    pub arrives: &'static str,
    pub made_at: &'static str,
    pub history: &'static str,
}

const EN: Words = Words {
    lang: "en",
    papers_of: "Papers of",
    from: "from",
    good_until: "This link is good until",
    all: "Download all as one file",
    valid_until: "valid until",
    none: "There are no papers here any more.",
    passcode: "Passcode",
    asks: "Please enter the passcode that you were given with this link.",
    open: "Open",
    wrong: "That was not the passcode. Please try again.",
    too_often: "That was wrong too often. Please try again in a quarter of an hour.",
    gone_title: "This link is gone",
    gone: "It has expired, or it was taken back. Please ask whoever sent it for another one.",
    later_title: "Please try again in a moment",
    later: "The papers can't be shown just now. Nothing is lost.",
    reference: "Reference",
    product: "Product",
    route: "Route",
    container: "Container",
    bill_of_lading: "Bill of lading",
    vessel: "Vessel",
    departs: "Departs",
    arrives: "Arrives",
    made_at: "Made at",
    history: "History",
};

const FR: Words = Words {
    lang: "fr",
    papers_of: "Documents de",
    from: "de la part de",
    good_until: "Ce lien est valable jusqu’au",
    all: "Tout télécharger en un seul fichier",
    valid_until: "valable jusqu’au",
    none: "Il n’y a plus de documents ici.",
    passcode: "Code d’accès",
    asks: "Veuillez saisir le code d’accès reçu avec ce lien.",
    open: "Ouvrir",
    wrong: "Ce n’est pas le bon code. Veuillez réessayer.",
    too_often: "Trop d’essais. Veuillez réessayer dans un quart d’heure.",
    gone_title: "Ce lien n’est plus valable",
    gone: "Il a expiré ou a été retiré. Veuillez en demander un autre à la personne qui vous l’a envoyé.",
    later_title: "Veuillez réessayer dans un instant",
    later: "Les documents ne peuvent pas être affichés pour le moment. Rien n’est perdu.",
    reference: "Référence",
    product: "Produit",
    route: "Trajet",
    container: "Conteneur",
    bill_of_lading: "Connaissement",
    vessel: "Navire",
    departs: "Départ",
    arrives: "Arrivée",
    made_at: "Établi le",
    history: "Historique",
};

/// What kinds of papers are called.
const KINDS: [(&str, &str, &str); 17] = [
    ("bill_of_lading", "Bill of lading", "Connaissement"),
    ("commercial_invoice", "Commercial invoice", "Facture commerciale"),
    ("packing_list", "Packing list", "Liste de colisage"),
    ("certificate_of_origin", "Certificate of origin", "Certificat d’origine"),
    ("phytosanitary", "Phytosanitary certificate", "Certificat phytosanitaire"),
    ("fumigation", "Fumigation certificate", "Certificat de fumigation"),
    ("sanitary", "Sanitary certificate", "Certificat sanitaire"),
    ("veterinary_health", "Veterinary health certificate", "Certificat sanitaire vétérinaire"),
    (
        "animal_by_products",
        "Commercial document for animal by-products",
        "Document commercial pour sous-produits animaux",
    ),
    ("ched", "CHED reference", "Référence DSCE"),
    ("insurance", "Insurance certificate", "Attestation d’assurance"),
    ("quality", "Quality certificate", "Certificat de qualité"),
    ("customs_declaration", "Customs declaration", "Déclaration en douane"),
    ("export_declaration", "Export declaration", "Déclaration d’exportation"),
    ("eudr", "EUDR data", "Données RDUE"),
    ("contract", "Contract", "Contrat"),
    ("other", "Other paper", "Autre document"),
];

impl PageLanguage {
    pub fn words(self) -> &'static Words {
        match self {
            Self::En => &EN,
            Self::Fr => &FR,
        }
    }

    /// What a kind of papers is called; a later release may know more.
    pub fn kind(self, kind: &str) -> &str {
        let row = KINDS.iter().find(|(word, ..)| *word == kind);
        row.map_or(kind, |(_, en, fr)| match self {
            Self::En => en,
            Self::Fr => fr,
        })
    }

    /// The one that a browser likes better, where no link says it.
    pub fn accepted(header: Option<&str>) -> Self {
        let first = header.and_then(|header| header.split([',', ';']).next()).unwrap_or_default();
        if first.trim().to_lowercase().starts_with("fr") { Self::Fr } else { Self::En }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::papers::Kind;

    #[test]
    fn each_kind_of_papers_has_a_name() {
        for (kind, ..) in KINDS {
            assert!(Kind::parse(kind).is_some(), "{kind}");
        }
        assert_eq!(PageLanguage::Fr.kind(&Kind::Ched.word()), "Référence DSCE");
    }

    #[test]
    fn the_language_of_a_browser_is_the_one_that_it_names_first() {
        for (header, language) in
            [("fr-CI,fr;q=0.9,en;q=0.8", "fr"), ("en-GB,fr;q=0.9", "en"), ("de", "en"), ("", "en")]
        {
            assert_eq!(PageLanguage::accepted(Some(header)).words().lang, language, "{header}");
        }
    }
}
