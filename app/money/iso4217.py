"""ISO 4217 currency codes by the number of decimals of their minor unit; generated, not edited by hand.

Source: the ISO 4217 list of current currencies ("list one") of the maintenance agency, state of January 2026, as
republished in datasets/currency-codes. Withdrawn codes are left out, and so are the codes whose minor unit is
"not applicable": metals, the SDR, bond market units, XTS and XXX. Fund codes that have a minor unit are in.
"""

from types import MappingProxyType
from typing import Final

CODES_BY_EXPONENT: Final = MappingProxyType(
    {
        0: ("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
        2: (
            "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF "
            "CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD "
            "GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL "
            "MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR "
            "PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP "
            "TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG"
        ),
        3: ("BHD IQD JOD KWD LYD OMR TND"),
        4: ("CLF UYW"),
    }
)
"""Number of decimals -> the codes that have it, separated by spaces."""
