"""The words of our letters in the languages that documents are built in (documents/labels.py)."""

from __future__ import annotations

from collections.abc import Mapping

from app.documents.labels import FALLBACK

# fmt: off
_KEYS = (
    "subject", "hello", "hello_name", "attached", "linked", "preview", "button", "valid_until", "due_by", "paid",
    "closing", "questions", "sent_for",
)
# fmt: on


def _words(text: str) -> Mapping[str, str]:
    """Return the sentences written in `text`, one a line, in the order of _KEYS; ValueError if one is missing."""
    return dict(zip(_KEYS, text.strip().splitlines(), strict=True))


WORDS: Mapping[str, Mapping[str, str]] = {
    "en": _words("""Invoice {number} from {seller}
Hello,
Hello {name},
please find invoice {number} attached as a PDF.
invoice {number} is ready for you.
Amount due: {amount}
Open the invoice
The link works until {date}.
Due by {date}
Nothing is left to pay. Thank you.
Kind regards
Questions? Just reply to this e-mail.
This e-mail was sent by {seller} about invoice {number}."""),
    "de": _words("""Rechnung {number} von {seller}
Guten Tag,
Guten Tag {name},
anbei erhalten Sie die Rechnung {number} als PDF.
die Rechnung {number} liegt für Sie bereit.
Zahlbetrag: {amount}
Rechnung öffnen
Der Link ist gültig bis {date}.
Fällig am {date}
Es ist nichts mehr zu zahlen. Vielen Dank.
Freundliche Grüße
Fragen? Antworten Sie einfach auf diese E-Mail.
Diese E-Mail hat {seller} zur Rechnung {number} gesendet."""),
    "fr": _words("""Facture {number} de {seller}
Bonjour,
Bonjour {name},
veuillez trouver ci-joint la facture {number} au format PDF.
votre facture {number} est disponible.
Montant dû : {amount}
Ouvrir la facture
Le lien est valable jusqu'au {date}.
À régler avant le {date}
Il ne reste rien à payer. Merci.
Cordialement
Une question ? Répondez simplement à cet e-mail.
Cet e-mail a été envoyé par {seller} au sujet de la facture {number}."""),
    "es": _words("""Factura {number} de {seller}
Hola:
Hola, {name}:
Le adjuntamos la factura {number} en PDF.
La factura {number} está a su disposición.
Importe pendiente: {amount}
Abrir la factura
El enlace es válido hasta el {date}.
Vence el {date}
No queda nada por pagar. Gracias.
Un cordial saludo
¿Alguna pregunta? Responda a este correo.
Este correo lo ha enviado {seller} en relación con la factura {number}."""),
    "nl": _words("""Factuur {number} van {seller}
Hallo,
Hallo {name},
in de bijlage vindt u factuur {number} als pdf.
factuur {number} staat voor u klaar.
Te betalen: {amount}
Factuur openen
De link is geldig tot {date}.
Te betalen voor {date}
Er staat niets meer open. Dank u wel.
Met vriendelijke groet
Vragen? Beantwoord gewoon deze e-mail.
Deze e-mail is verzonden door {seller} over factuur {number}."""),
    "it": _words("""Fattura {number} di {seller}
Buongiorno,
Buongiorno {name},
in allegato trova la fattura {number} in PDF.
la fattura {number} è a Sua disposizione.
Importo dovuto: {amount}
Apri la fattura
Il link è valido fino al {date}.
Scadenza: {date}
Non resta nulla da pagare. Grazie.
Cordiali saluti
Domande? Risponda a questa e-mail.
Questa e-mail è stata inviata da {seller} in merito alla fattura {number}."""),
}


def words_for(language: str) -> Mapping[str, str]:
    """Return the sentences of a language code such as "de"; the English ones if it is not built in."""
    return WORDS.get(language, WORDS[FALLBACK])
