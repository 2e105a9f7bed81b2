"""The fixed words of a document in the languages that are built in; English where a language is unknown."""

from __future__ import annotations

from collections.abc import Mapping

FALLBACK = "en"

# fmt: off
_KEYS = (
    "invoice", "from", "bill_to", "ship_to", "issue_date", "due_date", "supply_date", "period", "reference",
    "po_number", "buyer_reference", "contract_number", "project_number", "description", "quantity", "unit_price",
    "discount", "tax", "amount", "taxable", "tax_amount", "subtotal", "charges", "tax_total", "total", "withholding",
    "rounding", "paid", "credited", "amount_due", "payment", "iban", "bic", "account_name", "payment_reference",
    "notes", "terms", "page", "draft", "void", "vat_id", "tax_number", "registration_id", "prices_include_tax",
)
# fmt: on


def _labels(text: str) -> Mapping[str, str]:
    """Return the labels written in `text`, one a line, in the order of _KEYS; ValueError if one is missing."""
    return dict(zip(_KEYS, text.strip().splitlines(), strict=True))


LABELS: Mapping[str, Mapping[str, str]] = {
    "en": _labels("""Invoice
From
Bill to
Ship to
Issue date
Due date
Supply date
Service period
Reference
PO number
Buyer reference
Contract
Project
Description
Quantity
Unit price
Discount
Tax
Amount
Taxable amount
Tax amount
Subtotal
Charges
Total tax
Total
Withheld
Rounding
Paid
Credited
Amount due
Payment details
IBAN
BIC
Account name
Payment reference
Notes
Terms
Page {page} of {pages}
Draft
Void
VAT ID
Tax number
Registration
Prices include tax"""),
    "de": _labels("""Rechnung
Absender
Rechnungsempfänger
Lieferanschrift
Rechnungsdatum
Fällig am
Leistungsdatum
Leistungszeitraum
Referenz
Bestellnummer
Käuferreferenz
Vertrag
Projekt
Beschreibung
Menge
Einzelpreis
Rabatt
Steuer
Betrag
Nettobetrag
Steuerbetrag
Zwischensumme
Zuschläge
Steuern gesamt
Gesamtbetrag
Einbehalt
Rundung
Bezahlt
Gutgeschrieben
Zahlbetrag
Zahlungsinformationen
IBAN
BIC
Kontoinhaber
Verwendungszweck
Anmerkungen
Zahlungsbedingungen
Seite {page} von {pages}
Entwurf
Storniert
USt-IdNr.
Steuernummer
Handelsregister
Preise inklusive Steuern"""),
    "fr": _labels("""Facture
Émetteur
Facturé à
Livré à
Date de facture
Échéance
Date de livraison
Période de prestation
Référence
Bon de commande
Référence acheteur
Contrat
Projet
Description
Quantité
Prix unitaire
Remise
Taxe
Montant
Base imposable
Montant de la taxe
Sous-total
Frais
Total des taxes
Total
Retenue
Arrondi
Payé
Avoir
Montant dû
Coordonnées bancaires
IBAN
BIC
Titulaire du compte
Référence de paiement
Notes
Conditions
Page {page} sur {pages}
Brouillon
Annulée
N° TVA
N° fiscal
Immatriculation
Prix taxes comprises"""),
    "es": _labels("""Factura
Emisor
Facturar a
Enviar a
Fecha de emisión
Vencimiento
Fecha de operación
Periodo de servicio
Referencia
N.º de pedido
Referencia del comprador
Contrato
Proyecto
Descripción
Cantidad
Precio unitario
Descuento
Impuesto
Importe
Base imponible
Cuota
Subtotal
Cargos
Total impuestos
Total
Retención
Redondeo
Pagado
Abonado
Importe pendiente
Datos de pago
IBAN
BIC
Titular de la cuenta
Concepto
Notas
Condiciones
Página {page} de {pages}
Borrador
Anulada
NIF-IVA
NIF
Registro mercantil
Precios con impuestos incluidos"""),
    "nl": _labels("""Factuur
Afzender
Factuuradres
Afleveradres
Factuurdatum
Vervaldatum
Leverdatum
Leveringsperiode
Referentie
Inkoopnummer
Referentie koper
Contract
Project
Omschrijving
Aantal
Prijs per eenheid
Korting
Btw
Bedrag
Grondslag
Belastingbedrag
Subtotaal
Toeslagen
Totaal belasting
Totaal
Inhouding
Afronding
Betaald
Gecrediteerd
Te betalen
Betaalgegevens
IBAN
BIC
Rekeninghouder
Betalingskenmerk
Opmerkingen
Voorwaarden
Pagina {page} van {pages}
Concept
Geannuleerd
Btw-nummer
Fiscaal nummer
KvK-nummer
Prijzen inclusief belasting"""),
    "it": _labels("""Fattura
Mittente
Destinatario
Spedire a
Data fattura
Scadenza
Data fornitura
Periodo di fornitura
Riferimento
N. ordine
Riferimento acquirente
Contratto
Progetto
Descrizione
Quantità
Prezzo unitario
Sconto
Imposta
Importo
Imponibile
Imposta
Subtotale
Addebiti
Totale imposte
Totale
Ritenuta
Arrotondamento
Pagato
Accreditato
Importo dovuto
Dati di pagamento
IBAN
BIC
Intestatario
Causale
Note
Condizioni
Pagina {page} di {pages}
Bozza
Annullata
Partita IVA
Codice fiscale
Registro imprese
Prezzi comprensivi di imposte"""),
}


def labels_for(language: str) -> Mapping[str, str]:
    """Return the labels of a language code such as "de"; the English ones if it is not built in."""
    return LABELS.get(language, LABELS[FALLBACK])
