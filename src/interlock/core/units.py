"""Words for numbers, units, currencies, months and days, in English, German, French and Spanish."""
# ruff: noqa: SIM905 - lists of words read best as lists of words

from decimal import Decimal

_SPELLED_EN = {w: n for n, w in enumerate("""zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen
fifteen sixteen seventeen eighteen nineteen""".split())} | {w: 10 * n for n, w in enumerate(
    "twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2)}  # fmt: skip
SPELLED = {
    **{w: n for n, w in enumerate("""zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn
    siebzehn achtzehn neunzehn""".split(), start=2)},
    **{w: 10 * n for n, w in enumerate("zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig".split(), start=2)},
    **{w: n for n, w in enumerate("deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize".split(), start=2)},
    **{w: 10 * n for n, w in enumerate("vingt trente quarante cinquante soixante".split(), start=2)},
    **{w: n for n, w in enumerate("dos tres cuatro cinco seis siete ocho nueve diez".split(), start=2)}, "doce": 12, "trece": 13,
    "catorce": 14, "quince": 15, "veinte": 20, "treinta": 30, "cuarenta": 40, "cincuenta": 50, "sesenta": 60, "cien": 100,
    "dreissig": 30, "hundert": 100, "cent": 100, "ciento": 100, "dozen": 12, "dutzend": 12, "douzaine": 12, "docena": 12,
    **_SPELLED_EN,
}  # fmt: skip
del SPELLED["zero"], SPELLED["cent"]  # «zero tolerance» is no figure, and a cent is a coin
SCALES = {
    "hundred": 100, "thousand": 1_000, "million": 10**6, "millions": 10**6, "billion": 10**9, "trillion": 10**12, "tausend": 1_000,
    "millionen": 10**6, "mio": 10**6, "milliarde": 10**9, "milliarden": 10**9, "mrd": 10**9, "mille": 1_000, "mil": 1_000,
    "millones": 10**6, "millón": 10**6, "milliard": 10**9, "milliards": 10**9, "bn": 10**9, "mn": 10**6, "lakh": 10**5, "crore": 10**7,
}  # fmt: skip
SHORT_SCALES = {"k": 1_000, "m": 10**6, "b": 10**9}

CURRENCIES = {
    "$": "usd", "€": "eur", "£": "gbp", "¥": "jpy", "₹": "inr", "₩": "krw", "₽": "rub", "usd": "usd", "eur": "eur", "gbp": "gbp", "jpy": "jpy", "chf": "chf",
    "dollar": "usd", "dollars": "usd", "euro": "eur", "euros": "eur", "pound": "gbp", "pounds": "gbp", "us$": "usd", "dólares": "usd",
    "yen": "jpy", "rupees": "inr", "franken": "chf", "fr.": "chf", "円": "jpy", "元": "cny", "cny": "cny", "rmb": "cny",
}  # fmt: skip
UNITS: dict[str, tuple[str, Decimal]] = {}
for _name, _factor, _forms in (
    ("s", "1", "second seconds sec secs sekunde sekunden seconde secondes segundo segundos 秒"),
    ("s", "60", "minute minutes min mins minuten minuto minutos 分"),
    ("s", "3600", "hour hours hr hrs h stunde stunden heure heures hora horas 小时 時間"),
    ("s", "86400", "day days tag tage tagen jour jours día días dia dias 天 日 日間"),
    ("s", "604800", "week weeks woche wochen semaine semaines semana semanas 周 週間"),
    ("month", "1", "month months monat monate monaten mois mes meses 个月 か月 ヶ月"),
    ("month", "3", "quarter quarters quartal quartale trimestre trimestres"),
    ("month", "12", "year years yr yrs jahr jahre jahren an ans année années año años 年 年間"),
    ("month", "120", "decade decades jahrzehnt jahrzehnte décennie décennies década décadas"),
    ("month", "1200", "century centuries jahrhundert jahrhunderte siècle siècles siglo siglos"),
    ("%", "1", "% percent percentage prozent pct percents"),
    ("byte", "1e3", "kb kilobyte kilobytes"), ("byte", "1e6", "mb megabyte megabytes"), ("byte", "1e9", "gb gigabyte gigabytes"),
    ("byte", "1e12", "tb terabyte terabytes"), ("bit/s", "1e6", "mbps mbit/s mb/s"), ("bit/s", "1e9", "gbps gbit/s"),
    ("m", "0.001", "mm millimeter millimeters millimetre millimetres"), ("m", "0.01", "cm centimeter centimeters centimetre centimetres"),
    ("m", "1", "meter meters metre metres"), ("m", "1000", "km kilometer kilometers kilometre kilometres kilómetros kilómetro"),
    ("ft", "1", "ft feet foot"), ("ft", "5280", "mi mile miles"), ("ft", "3", "yard yards yd"),
    ("g", "1", "g gram grams gramm gramme grammes gramos"), ("g", "1000", "kg kilo kilos kilogram kilograms kilogramm"),
    ("g", "0.001", "mg milligram milligrams"), ("lb", "1", "lb lbs"), ("lb", "0.0625", "oz ounce ounces"),
    ("°c", "1", "°c celsius"), ("°f", "1", "°f fahrenheit"),
):  # fmt: skip
    for _form in _forms.split():
        UNITS[_form] = (_name, Decimal(_factor))
PERIODS = {
    "hourly": "hour", "daily": "day", "weekly": "week", "monthly": "month", "quarterly": "quarter", "yearly": "year", "annual": "year",
    "annually": "year", "täglich": "day", "wöchentlich": "week", "monatlich": "month", "jährlich": "year", "quotidien": "day",
    "hebdomadaire": "week", "mensuel": "month", "mensuelle": "month", "annuel": "year", "annuelle": "year", "diario": "day",
    "semanal": "week", "mensual": "month", "anual": "year", "nightly": "day", "biweekly": "week", "fortnight": "week",
}  # fmt: skip

MONTHS = {}
for _at, _forms in enumerate(
    """january jan januar janvier enero ene jänner|february feb februar février febrero|march mar märz mrz mars marzo
    april apr avril abril abr|may mai mayo|june jun juni juin junio|july jul juli juillet julio|august aug août agosto ago
    september sep sept septembre septiembre|october oct oktober okt octobre octubre|november nov novembre noviembre
    december dec dezember dez décembre diciembre dic""".replace("\n", "|").split("|"), start=1
):  # fmt: skip
    for _form in _forms.split():
        MONTHS[_form] = _at
WEEKDAYS = {}
for _at, _forms in enumerate(
    """monday montag lundi lunes|tuesday dienstag mardi martes|wednesday mittwoch mercredi miércoles|thursday donnerstag jeudi jueves
    friday freitag vendredi viernes|saturday samstag sonnabend samedi sábado|sunday sonntag dimanche domingo""".replace("\n", "|").split("|")
):  # fmt: skip
    for _form in _forms.split():
        WEEKDAYS[_form] = _at


def period(form: str) -> str:
    """The period of time that a word names, `` for none: `monthly`, `months` and `Monat` give the same.

    >>> period("monthly"), period("months"), period("cats")
    ('month', 'month', '')
    """
    if form in PERIODS:
        return PERIODS[form]
    unit = UNITS.get(form)
    if unit is None or unit[0] not in ("s", "month") or len(form) < 3:
        return ""
    return {
        ("s", "1"): "second", ("s", "60"): "minute", ("s", "3600"): "hour", ("s", "86400"): "day", ("s", "604800"): "week",
        ("month", "1"): "month", ("month", "3"): "quarter", ("month", "12"): "year",
    }.get((unit[0], str(unit[1])), "")  # fmt: skip


def weekday(form: str) -> int | None:
    """The day of the week that a word names, 0 for Monday."""
    return WEEKDAYS.get(form)
