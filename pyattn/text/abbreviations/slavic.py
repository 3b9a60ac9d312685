"""The words of Slavic languages."""

# ruff: noqa: RUF001 (the letters of other scripts look like ours and are meant)
from __future__ import annotations

from pyattn.text.abbreviations.words import Words

POLISH = Words(
    leading="""dr mgr inż prof doc hab ks św bł gen płk ppłk mjr kpt por sierż pl al ul os m.in np
        tzw tzn wg ok ww zob im red bałt ang niem fr łac pol ros tj dot nt ur zm abp bp woj pt""",
    numbered="nr str rys tab rozdz art ust pkt poz tel sty lut mar kwi maj cze lip sie wrz paź",
    inner="co inc ltd sp spp max min jr sr godz mln mld zł gr tys wyd",
    closing="itd itp etc",
    starters="""ten ta to te ci on ona ono oni one my wy ja ty nasz wasz jego jej ich mój twój swój
        co kto gdzie kiedy dlaczego jak jaki który i a ale lub albo więc jeśli jeżeli gdy ponieważ
        bo choć potem dlatego jednak także też tylko teraz dziś dzisiaj wczoraj jutro tu tam w we na
        do od z ze po przed za pod nad między bez dla przez o u nie nic nikt wszyscy wszystko wielu
        każdy jest są był była było byli ma mają może trzeba tak dziękuję według""",
    ordinals=True,
)

CZECH = Words(
    leading="""dr mudr judr phdr rndr ing mgr bc prof doc arch plk gen npor kpt por mjr pan tzv tj
        např mj cca ca vs viz kupř popř příp resp zvl zejm ul nám tř slov vč napr tzn o.z p.n.l
        mld""",
    numbered="čís str obr tab kap čl odst písm tel sv roč led úno bře dub srp zář říj",
    inner="co inc ltd spol s.r.o a.s r.o max min jr sr hod tis mil kčs kč sek nar zem",
    closing="atd apod etc aj",
    starters="""ten ta to ti ty on ona ono oni ony my vy já náš váš jeho její jejich můj tvůj svůj
        co kdo kde kdy proč jak jaký který a ale nebo anebo takže jestli pokud když protože ačkoli
        potom pak proto však také jen teď dnes včera zítra tady tam v ve na do od z ze po před za
        pod nad mezi bez pro přes o u ne nic nikdo všichni všechno mnoho každý je jsou byl byla bylo
        byli má mají může ano děkuji podle som sú bol bola bolo boli keď ako čo preto ktorý tiež
        teraz zajtra""",
    ordinals=True,
)

RUSSIAN = Words(
    leading="""проф акад доц канд докт инж им св преп ул пр просп пер пл наб бул пос пгт дер обл р-н
        респ корп оф эт г-н г-жа д-р т.е т.к т.н напр см тов гр зам зав нач нем англ фр франц лат
        греч рус укр букв назв род ум рожд соотв вкл исп гражд юр эл""",
    numbered="""стр рис табл гл пп ст т.т изд вып кн тел кв кор янв фев февр мар апр июн июл авг сен
        сент окт ноя нояб дек пн вт ср чт пт сб вс кг км""",
    inner="""гг вв руб коп долл дол млн млрд трлн тыс куб м.м мин макс сек час чел экз шт мм д.э.н
        к.т.н ун-т н.э до.н.э у.е""",
    closing="т.д т.п т.ч др итд",
    starters="""он она оно они мы вы я ты это эта этот эти тот та те его её ее их мой наш ваш свой
        что кто где когда почему зачем как какой который и а но или если чтобы потому хотя затем
        потом поэтому однако также тоже только теперь сейчас сегодня вчера завтра здесь там тут не
        нет ни да все всё многие каждый был была было были есть будет может можно надо нужно спасибо
        по на из при после до перед между без для через кроме""",
)

UKRAINIAN = Words(
    leading="""проф акад доц канд інж ім св вул просп пров пл бул обл р-н корп кв оф див напр тзв
        т.зв тобто пан нім англ фр лат грец рос укр зам зав нач""",
    numbered="стор рис табл гл пп ст вид вип кн тел січ лют бер кві тра чер лип сер вер жов",
    inner="рр грн коп млн млрд тис мін макс сек год чол шт н.е до.н.е",
    closing="т.д т.п ін",
    starters="""він вона воно вони ми ви я ти це ця цей ці той та ті його її їх мій наш ваш свій що
        хто де коли чому як який і й а але або якщо щоб тому хоча потім проте також теж тільки тепер
        зараз сьогодні вчора завтра тут там не ні так усі все багато кожен був була було були є буде
        може можна треба дякую у в на з із до від по при після перед між без для""",
)

BULGARIAN = Words(
    leading="""проф акад доц инж д-р г-н г-жа св ул бул пл гр обл общ кв ж.к т.е т.нар напр вж ср
        вкл искл м.г т.г англ нем фр лат рус чл-кор ген полк кап лейт""",
    numbered="стр фиг табл гл чл ал бр тел ян февр апр авг септ окт ноем дек",
    inner="лв ст хил млн млрд мин макс сек пр.н.е н.е",
    closing="др т.н и.др",
    starters="""той тя то те ние вие аз ти това тази този тези онзи неговият нейният техният какво
        кой къде кога защо как и а но или ако за да защото въпреки после затова обаче също само сега
        днес вчера утре тук там не няма всички всичко много всеки е са беше бяха има може благодаря
        в във на от с със по при след пред между без""",
)

CROATIAN = Words(
    leading="""dr prof mr mag ing dipl gosp gđa gđica sv ul tzv tj npr gđ odn cca vs usp др проф мр
        инг госп г-ђа св ул тзв тј нпр одн""",
    numbered="br str tab čl st tel sij velj ožu tra svi lip srp kol ruj стр сл чл бр тел",
    inner="d.d d.o.o co inc ltd max min jr god mil mlrd tis хиљ мил год",
    closing="itd itsl sl i.sl итд",
    starters="""on ona ono oni one mi vi ja ti to ovo taj ta ovaj ova što tko ko gdje gde kada zašto
        kako koji i a ali ili ako jer iako zatim zato međutim također samo sada danas jučer juče
        sutra ovdje ovde tamo u na od iz s sa po za pred između bez ne nema da svi sve mnogi svaki
        je su bio bila bilo bili ima može hvala он она то ово ми ви ја ти шта ко где када зашто како
        и а али или ако јер затим зато само сада данас јуче сутра у на од за не да све""",
    ordinals=True,
)
