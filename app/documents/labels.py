"""The fixed words of a document in the languages that are built in; English where a language is unknown."""

from __future__ import annotations

from collections.abc import Mapping

FALLBACK = "en"

_KEYS = (
    "invoice number from bill_to ship_to issue_date due_date supply_date reference po_number description quantity "
    "unit_price discount tax amount tax_name taxable tax_amount subtotal discounts charges tax_total total withholding "
    "rounding paid credited amount_due payment iban bic account_name payment_reference notes terms page draft void "
    "vat_id tax_number registration_id prices_include_tax"
).split()


def _labels(text: str) -> Mapping[str, str]:
    """Return the labels written in `text`, one a line, in the order of _KEYS; ValueError if one is missing."""
    return dict(zip(_KEYS, text.strip().splitlines(), strict=True))


LABELS: Mapping[str, Mapping[str, str]] = {
    "en": _labels("""Invoice
Number
From
Bill to
Ship to
Issue date
Due date
Supply date
Reference
PO number
Description
Quantity
Unit price
Discount
Tax
Amount
Tax summary
Taxable amount
Tax amount
Subtotal
Discount
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
Nummer
Absender
Rechnungsempfänger
Lieferanschrift
Rechnungsdatum
Fällig am
Leistungsdatum
Referenz
Bestellnummer
Beschreibung
Menge
Einzelpreis
Rabatt
Steuer
Betrag
Steuerübersicht
Nettobetrag
Steuerbetrag
Zwischensumme
Rabatt
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
Numéro
Émetteur
Facturé à
Livré à
Date de facture
Échéance
Date de livraison
Référence
Bon de commande
Description
Quantité
Prix unitaire
Remise
Taxe
Montant
Récapitulatif des taxes
Base imposable
Montant de la taxe
Sous-total
Remise
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
Número
Emisor
Facturar a
Enviar a
Fecha de emisión
Vencimiento
Fecha de operación
Referencia
N.º de pedido
Descripción
Cantidad
Precio unitario
Descuento
Impuesto
Importe
Resumen de impuestos
Base imponible
Cuota
Subtotal
Descuento
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
Nummer
Afzender
Factuuradres
Afleveradres
Factuurdatum
Vervaldatum
Leverdatum
Referentie
Inkoopnummer
Omschrijving
Aantal
Prijs per eenheid
Korting
Btw
Bedrag
Belastingoverzicht
Grondslag
Belastingbedrag
Subtotaal
Korting
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
Numero
Mittente
Destinatario
Spedire a
Data fattura
Scadenza
Data fornitura
Riferimento
N. ordine
Descrizione
Quantità
Prezzo unitario
Sconto
Imposta
Importo
Riepilogo imposte
Imponibile
Imposta
Subtotale
Sconto
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
