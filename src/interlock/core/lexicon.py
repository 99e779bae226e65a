"""Closed word lists that evidence scoring reads: grammar, negation, quantity and opposites.

They are small on purpose: a word that is missing costs a little accuracy, a wrong one misjudges everybody's answers.
Nothing here is learned from data.
"""

# ruff: noqa: SIM905 - lists of words read best as lists of words

LANGUAGES = ("en", "de", "fr", "es")
"""Languages whose grammar the lists know; text of others is scored with fewer checks."""

_EN = """
a an the and or but if then than that this these those there here it its he she they them his her their our your you we i me my
mine us him who whom whose which what when where why how is are was were be been being am do does did done doing have has had
having will would shall should can could may might must of in on at to for from by with about into over under above below up
down out off as so such not no nor only also just very too more most much many any some all each every both either neither own
same other another again once well s t ve ll re d m etc per via within during between among while because since until upon
yes please hello thanks thank hi dear whether though although however therefore thus hence yet still even let lets get gets got
""".split()
_DE = """
der die das den dem des ein eine einen einem einer eines und oder aber wenn dann als dass daß dies diese dieser dieses diesem diesen
es er sie ihr ihre ihren ihrem ihrer sein seine seinen mein meine unser unsere uns wir ich du sich mir mich dir dich ihm ihn ihnen
wer was wann wo warum wie welche welcher welches ist sind war waren wird werden wurde wurden worden sein gewesen hat haben hatte
hatten kann können konnte soll sollen muss müssen darf dürfen von vom in im an am auf zu zum zur für aus bei beim mit nach über
unter vor um bis durch gegen ohne nicht kein keine keinen keinem keiner nur auch noch schon sehr so mehr man etwa ca bzw sowie
hier dort da ja nein bitte
""".split()
_FR = """
le la les l' un une des du de d' et ou mais si que qu' qui quoi dont où ce c' cet cette ces il elle ils elles on je j' tu nous vous
me m' te t' se s' lui leur leurs son sa ses mon ma mes notre nos votre vos est sont était étaient être été sera seront a ont avait
avoir peut peuvent pouvez doit doivent en y dans à au aux par pour sur sous avec sans entre vers chez ne n' pas plus moins très
aussi bien comme quand comment pourquoi oui non
""".split()
_ES = """
el la los las lo un una unos unas de del y e o u pero si que qué quien cuyo donde dónde esto este esta estos estas ese esa eso esos
esas él ella ellos ellas yo tú usted ustedes nosotros me te se le les nos su sus mi mis nuestro nuestra es son era eran ser sido
será serán está están estar ha han había haber puede pueden debe deben en a al por para con sin sobre entre hacia hasta desde no
ni más menos muy también como cuando cómo cuándo sí
""".split()

FUNCTION_WORDS: dict[str, frozenset[str]] = {
    "en": frozenset(_EN), "de": frozenset(_DE), "fr": frozenset(_FR), "es": frozenset(_ES), "*": frozenset(_EN),
    "": frozenset({*_EN, *_DE, *_FR, *_ES}),
}  # fmt: skip

ELIDED = frozenset({"l'", "d'", "qu'", "c'", "j'", "m'", "t'", "s'", "n'"})
"""French words that lose their vowel before another."""

NEGATIONS = frozenset(
    """not no never none nobody nothing nor neither without cannot unable lacks lack lacking refuses refused fails failed
    nicht kein keine keinen keinem keiner keines nie niemals niemand nichts ohne weder
    ne n' pas jamais aucun aucune rien sans ni personne nunca jamás sin ningún ninguna ninguno nada tampoco nadie
    não nem nunca sem non mai nessuno senza niet geen nooit zonder""".split()
)
"""Words that deny what stands next to them."""

ABSOLUTES = frozenset(
    """all every each always never none only nobody everyone everything entire entirely exclusively guaranteed guarantee
    guarantees unlimited any must cannot
    alle jeder jede jedes immer nie nur ausschließlich garantiert unbegrenzt sämtliche
    tous toutes tout chaque toujours jamais seulement uniquement garanti illimité todos todas cada siempre nunca solo
    únicamente garantizado ilimitado""".split()
)
"""Words that leave no exception."""

DIMINISHING = frozenset(
    """limited restricted negligible minimal minor partial partially optional temporary inferior mediocre poor outdated obsolete
    difficult costly expensive overpriced exorbitant unreliable incompatible inadequate insufficient barely hardly merely scarcely
    rarely seldom few little slight slightly superficial generic average basic only unprofessional ineffective incomplete unsafe
    begrenzt eingeschränkt geringfügig teilweise optional veraltet schwierig teuer kaum selten wenig
    limité restreint partiel optionnel obsolète difficile cher rarement peu limitado restringido parcial opcional obsoleto difícil caro
    apenas raramente poco""".split()
)
"""Words that take something back; an answer that adds one to what the source says has changed it."""

COURTESY = frozenset(
    """hello hi welcome thanks thank thankful glad happy help helped assist assistance anything else goodbye bye day nice great
    pleasure sorry apologies apologise apologize inconvenience question questions feel free ask let know contact reach further
    good morning afternoon evening take care sure course wonderful problem
    hallo guten tag morgen abend danke dank gern gerne helfen hilfe weiter freue tschüss wiedersehen tut leid fragen schönen
    bonjour bonsoir merci aide aider plaisir revoir journée désolé désolée questions bienvenue
    hola buenos buenas días tardes gracias ayudar ayuda gusto placer adiós siento pregunta preguntas bienvenido""".split()
)
"""Words of greetings, thanks and offers of help: a sentence of nothing else claims nothing."""

REFUSALS = (
    r"\b(?:do(?:es)?|did|could|can|cannot|was|is|are|am)\s?(?:n['’]t|not)?\s?(?:\w+\s){0,2}"
    r"(?:mention|specif(?:y|ied)|state|contain|include|provide|say|have|find|know|answer|determine|able to (?:find|answer|provide))\w*"
    r"(?=.{0,60}\b(?:information|answer|details?|documents?|passages?|context|text|sources?|know|specific|question)\b)",
    r"\bno (?:specific |further |additional )?(?:information|mention|details?|answer)\b",
    r"\b(?:not|isn['’]t|aren['’]t) (?:explicitly |specifically |directly )?(?:mentioned|specified|stated|provided|available|given|found)\b",
    r"\b(?:I['’]m|I am) (?:sorry|not sure|unable)\b|\bI (?:don['’]t|do not|cannot|can['’]t|could not|couldn['’]t) (?:know|have|find|answer|say)\b",
    r"\bunable to (?:answer|find|provide|determine)\b",
    r"\b(?:kann|können) (?:ich |wir )?(?:das |dazu )?(?:leider )?(?:nicht|keine)\b.{0,40}\b(?:beantworten|sagen|finden|Angaben?|Auskunft)\b",
    r"\b(?:keine (?:Information|Angabe)\w*|weiß ich nicht|nicht (?:erwähnt|angegeben|genannt))\b",
    r"\b(?:je ne (?:sais|peux|trouve) pas|ne (?:mentionne|précise|contient) pas|pas d['’]information|aucune information)\b",
    r"\b(?:no (?:sé|puedo|encuentro)|no (?:menciona|especifica|contiene|se indica)|ninguna información|no hay información)\b",
)
"""Ways of saying that the sources do not tell; such a sentence claims nothing that a source could hold."""

AT_LEAST = ("at least", "more than", "over", "no less than", "minimum of", "from", "above", "exceeding", "mindestens", "mehr als",
            "über", "ab", "au moins", "plus de", "al menos", "más de", "como mínimo", "a minimum of", "upwards of")  # fmt: skip
AT_MOST = ("at most", "less than", "up to", "under", "no more than", "maximum of", "below", "fewer than", "within", "until",
           "höchstens", "weniger als", "bis zu", "unter", "maximal", "innerhalb von", "au plus", "moins de", "jusqu'à",
           "como máximo", "menos de", "hasta", "a maximum of", "not more than")  # fmt: skip
ABOUT = ("about", "around", "approximately", "roughly", "nearly", "almost", "some", "circa", "ca.", "~", "etwa", "ungefähr", "rund",
         "environ", "près de", "alrededor de", "unos", "casi", "close to", "just over", "just under")  # fmt: skip

OPPOSITES: tuple[tuple[str, str], ...] = tuple(
    (pair.split("/")[0], pair.split("/")[1])
    for pair in """
increase/decrease increase/reduce rise/fall raise/lower grow/shrink gain/lose expand/contract improve/worsen strengthen/weaken
more/less more/fewer most/least many/few high/low higher/lower highest/lowest maximum/minimum long/short longer/shorter large/small
big/small larger/smaller major/minor early/late earlier/later before/after first/last start/end begin/finish begin/end open/close
opened/closed accept/reject accept/refuse approve/reject approve/deny grant/deny allow/forbid allow/prohibit allow/prevent permit/prohibit
permit/forbid include/exclude enable/disable enter/leave arrive/depart buy/sell lend/borrow win/lose pass/fail success/failure
true/false right/wrong correct/incorrect possible/impossible legal/illegal valid/invalid public/private free/paid internal/external
domestic/foreign local/remote online/offline live/recorded old/new old/young ancient/modern hot/cold warm/cold wet/dry fast/slow
quick/slow hard/easy difficult/easy simple/complex strong/weak heavy/light full/empty safe/dangerous safe/unsafe secure/insecure
rich/poor cheap/expensive male/female man/woman men/women boy/girl son/daughter father/mother brother/sister husband/wife king/queen
north/south northern/southern east/west eastern/western left/right upper/lower inside/outside above/below top/bottom front/back
ascend/descend import/export income/expense profit/loss credit/debit deposit/withdrawal supply/demand employer/employee buyer/seller
teacher/student winner/loser hero/villain friend/enemy war/peace attack/defend love/hate like/dislike happy/sad good/bad better/worse
best/worst positive/negative optional/mandatory optional/required voluntary/mandatory temporary/permanent partial/complete partial/full
partial/comprehensive innovative/outdated advanced/basic advanced/outdated modern/outdated hardware/software upgrade/downgrade
upload/download install/uninstall lock/unlock block/unblock activate/deactivate activate/cancel connect/disconnect agree/disagree
appear/disappear visible/hidden known/unknown certain/uncertain usual/unusual common/rare frequent/rare always/never everything/nothing
everyone/nobody all/none remember/forget hire/fire add/remove insert/delete create/destroy build/destroy support/oppose support/undermine
help/hinder enhance/hinder improve/hinder streamline/complicate streamline/obstruct simplify/complicate optimize/worsen encourage/discourage
attract/repel unite/divide succeed/fail exceed/miss lead/follow maximum/least morning/evening day/night monthly/yearly monthly/annual
weekly/monthly daily/weekly daily/monthly summer/winter spring/autumn single/multiple single/married primary/secondary senior/junior
majority/minority plural/singular urban/rural eligible/ineligible refundable/nonrefundable sender/recipient giver/receiver
erhöhen/senken steigen/sinken mehr/weniger hoch/niedrig lang/kurz groß/klein vor/nach erlaubt/verboten öffnen/schließen aktiv/inaktiv
kostenlos/kostenpflichtig annehmen/ablehnen kaufen/verkaufen anfang/ende alt/neu richtig/falsch
augmenter/diminuer augmenter/réduire hausse/baisse plus/moins haut/bas long/court grand/petit avant/après autorisé/interdit
ouvrir/fermer gratuit/payant accepter/refuser acheter/vendre début/fin vrai/faux
aumentar/disminuir aumentar/reducir subir/bajar más/menos alto/bajo largo/corto grande/pequeño antes/después permitido/prohibido
abrir/cerrar gratis/pago aceptar/rechazar comprar/vender inicio/fin verdadero/falso
""".split()
)
"""Pairs of words of which one denies the other, in English, German, French and Spanish."""
