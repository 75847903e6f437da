"""Built-in lists by language. A site adds its own; they are short on purpose, and read without case and accents."""

from collections.abc import Mapping


def _terms(text: str) -> tuple[str, ...]:
    return tuple(" ".join(term.split()) for term in text.split(";"))


# Superlatives and promises that somebody has to be able to prove.
CLAIMS: Mapping[str, tuple[str, ...]] = {
    "en": _terms(
        """
        the best; best ever; best in the world; best-in-class; world's best; world’s best; world-class; world's
        leading; world’s leading; number one; no. 1; #1; nr. 1; the only; the most; the first ever; unrivalled;
        unrivaled; unbeatable; unmatched; unparalleled; guaranteed; guarantee; 100 %; 100%; risk-free; no risk;
        miracle; revolutionary; scientifically proven; clinically proven; proven to; award-winning; perfect;
        ultimate; cheapest; lowest price; free of charge; for free; totally free; once in a lifetime; never
        before; cures; heals; instantly; limited time; act now; only today; last chance; must-see; must-read;
        game-changing; groundbreaking; everyone is talking
        """
    ),
    "fr": _terms(
        """
        le meilleur; la meilleure; les meilleurs; les meilleures; meilleur du monde; numero un; n° 1; le seul;
        la seule; inegale; inegalee; imbattable; garanti; garantie; garantis; 100 %; 100%; sans risque; miracle;
        miraculeux; revolutionnaire; scientifiquement prouve; cliniquement prouve; prime; parfait; parfaite;
        ultime; le moins cher; gratuit; gratuitement; unique au monde; jamais vu; guerit; instantanement; duree
        limitee; derniere chance; incontournable; a ne pas manquer
        """
    ),
    "de": _terms(
        """
        der beste; die beste; das beste; die besten; beste der welt; weltbeste; nummer eins; nr. 1; der einzige;
        die einzige; das einzige; einzigartig; unschlagbar; unubertroffen; konkurrenzlos; garantiert; garantie;
        100 %; 100%; 100 prozent; ohne risiko; risikofrei; wunder; wundermittel; revolutionar; wissenschaftlich
        bewiesen; klinisch getestet; preisgekront; perfekt; ultimativ; gunstigste; billigste; kostenlos; gratis;
        einmalig; nie dagewesen; heilt; sofort; nur heute; letzte chance; marktfuhrer; weltweit fuhrend; ein
        muss
        """
    ),
}
PROFANITY: Mapping[str, tuple[str, ...]] = {
    "en": _terms(
        """
        fuck; fucks; fucked; fucker; fuckers; fucking; motherfucker; shit; shits; shitty; bullshit; cunt; cunts;
        bitch; bitches; bastard; bastards; asshole; assholes; arsehole; wanker; wankers; twat; dickhead; cock;
        cocksucker; pussy; slut; sluts; whore; whores; nigger; niggers; nigga; faggot; faggots; fag; retard;
        retarded; tranny; kike; spic; chink; paki; goddamn; piss off; bollocks; prick
        """
    ),
    "fr": _terms(
        """
        merde; merdique; putain; pute; putes; connard; connards; connasse; con; conne; salope; salopes; salaud;
        encule; encules; enculer; nique; niquer; batard; batards; bordel; couille; couilles; bite; chier;
        foutre; negre; negres; bougnoule; pede; tapette; gouine; youpin
        """
    ),
    "de": _terms(
        """
        scheisse; scheiss; beschissen; arschloch; arschlocher; arsch; fotze; fotzen; hure; huren; hurensohn;
        nutte; nutten; schlampe; schlampen; wichser; ficken; fick; gefickt; verfickt; schwanz lutschen;
        schwuchtel; schwuchteln; kanake; kanaken; neger; spast; spasti; missgeburt; mistkerl; pisser;
        dreckskerl; miststuck
        """
    ),
}


def of_language(lists: Mapping[str, tuple[str, ...]], language: str) -> tuple[str, ...]:
    """A built-in list for a language; empty where there is none.

    Examples
    --------
    >>> "merde" in of_language(PROFANITY, "fr-CA"), of_language(PROFANITY, "xx")
    (True, ())
    """
    return lists.get(language.split("-")[0].lower(), ())
