"""What a full stop may belong to, by language: facts about words, no rules.

Entries are matched in any case if they are in small letters here, else as they are (`Gen`, which
would otherwise hide the verb). Single letters (`J. Smith`, `z. B.`) and letters with stops between
them (`U.S.`, `i.e.`) need no entry.
"""

# ruff: noqa: RUF001 (the letters of other scripts look like ours and are meant)
from __future__ import annotations

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True, kw_only=True)
class Words:
    """The words of one language that decide what a full stop means.

    Attributes:
        leading: Abbreviations that something always follows, such as titles: never the end of a
            sentence.
        numbered: Abbreviations before a number (`fig. 3`): no end before one, else any word.
        inner: Abbreviations that mostly stand inside of a sentence: an end before a `starter` only.
        closing: Abbreviations that often end one (`etc.`): an end before anything but a small
            letter or a digit.
        tails: Words with a capital that a closing abbreviation goes on with (`5 p.m. Monday`), in
            small letters.
        starters: Frequent first words of sentences that begin no name, in small letters.
        ordinals: Whether a number with a stop is an ordinal number (`3. Oktober`).
        complete: Whether other abbreviations are so rare that a stop behind any other word ends a
            sentence, be there a small letter behind it.
    """

    leading: str = ""
    numbered: str = ""
    inner: str = ""
    closing: str = ""
    tails: str = ""
    starters: str = ""
    ordinals: bool = False
    complete: bool = False


_UNITS = "km kg cm mm ml min seg hrs hs"

_ENGLISH = Words(
    leading="""mr mrs ms mx dr drs prof rev messrs mmes sgt lt capt cpt cmdr cdr pvt pfc cpl brig
        supt insp atty msgr Col Gen Rep Reps Sen Sens Gov Pres Hon Det Fr Adm Maj Mt Mts Ft Ste Sr
        Amb Ald Bp vs v cf viz approx i.e e.g a.k.a c.f esp incl""",
    numbered="""no nos nr pp pg fig figs eq eqs vol vols ch chap sec sect art arts op ex par para
        ver bk pt pts tel ext jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu
        thur thurs fri sat sun""",
    inner="""st inc ltd corp co cos bros jr esq ph.d dept univ assn ave blvd rd hwy apt bldg ln min
        max avg est excl resp misc mfg intl natl govt mgr asst assoc c p""",
    closing="etc a.m p.m al oz lb lbs ft hrs mins secs yrs",
    tails="""monday tuesday wednesday thursday friday saturday sunday eastern central mountain
        pacific est edt cst cdt mst mdt pst pdt gmt utc bst""",
    starters="""the a an this that these those there here he she it we you they i my our your his
        her its their what where when who whose whom why how which and but or so if in on at for
        from with by as of to not no yes please then now after before because although though while
        since once until unless however therefore moreover meanwhile also even just only perhaps
        maybe all both each every some many most few several one two three do does did don is isn
        are aren was wasn were weren have haven has had can could would should shall let nobody
        somebody someone everyone everything nothing something another other such during between
        under over similarly finally first second third next instead thus hence
        consequently furthermore additionally otherwise nevertheless indeed note suppose consider
        assume find calculate figure again still yet""",
    complete=True,
)

_SPANISH = Words(
    leading="""sr sra srta srs sres sras srtas dr dra dres dras prof profa profs lic licda ing arq
        abog mtro mtra dña dn exmo exma excmo excma ilmo ilma rvdo rvda pbro fr gral cnel tte sgto
        cte alte mons sto sta Gen Cap av avda avd ctra pza plza pl urb admón p.ej ej vs cf cfr aprox
        fdo ee art.º mt pdte vto""",
    numbered="""no nº núm num nro pág pag págs pags pp art arts cap caps fig figs vol vols tel tels
        teléf ext párr párrf parr tít lib apdo cra kr cl ene feb mar abr may jun jul ago set sep
        sept oct nov dic lun mié jue vie sáb dom""",
    inner="""c d n p s v uu aa cc jj hh ff cía cia ltda inc ltd corp co jr dpto depto dept máx mín
        hnos bco izq dcha fax ed""",
    closing=f"etc al a.m p.m ud uds vd vds {_UNITS}",
    starters="""el la los las lo un una unos unas yo tú él ella ello nosotros nosotras vosotros
        ellos ellas usted ustedes este esta estos estas ese esa esos esas eso esto aquel aquella
        aquello mi mis tu tus su sus nuestro nuestra qué quién quiénes cuál cuándo cuánto dónde cómo
        por para pero y o ni si sí no también además entonces después antes luego ahora hoy ayer
        mañana aquí allí allá hay es son era eran fue fueron ha han había está están estaba en con
        sin a al como cuando donde mientras aunque porque según desde hasta entre sobre todo todos
        toda todas algunos algunas muchos muchas cada otro otra otros otras se me te le les nos
        gracias buenos buenas hola ya más nadie nada siempre nunca asimismo igualmente
        finalmente primero segundo ambos ambas suponga calcule halle tenga observe note""",
    complete=True,
)

_FRENCH = Words(
    leading="""mm mme mmes mlle mlles dr pr prof me mgr st ste sts av Bd boul cf p.ex ex env m.m gén
        Col cdt Cap lt sgt adj hab vs resp""",
    numbered="""no nos art chap fig pp vol tél tel éd al sect janv févr fév avr juil sept oct nov
        déc lun mar mer jeu ven sam dim""",
    inner="cie sté ltd inc ets éts dép dépt min max apr dir jr univ ss",
    closing="etc",
    starters="""le la les l un une des du de d ce cet cette ces c ceci cela ça il elle on nous vous
        ils elles je j tu mon ma mes ton ta tes son sa ses notre nos votre vos leur leurs qui que
        quoi quand où comment pourquoi combien quel quelle quels quelles mais ou et donc or ni car
        si dans en sur sous avec sans pour par chez entre depuis pendant après avant alors ainsi
        aussi puis ensuite enfin cependant toutefois lorsque lorsqu puisque comme tout tous toute
        toutes chaque plusieurs certains aucun rien personne est sont était y s m t n qu merci
        bonjour oui non voici voilà aujourd hier demain ici là à au aux plus""",
)

_GERMAN = Words(
    leading="""dr prof hr fr frl hrn dipl ing med phil rer nat jur theol Mag st sr jr bzw bspw
        beispielsw vgl sog u.a z.b d.h i.d.r z.zt ca evtl ggf insb insbes inkl exkl zzgl abzgl geb
        gest verh kath ev evang allg bes betr bez ehem eigtl einschl entspr etw gem gen gebr hl hg
        hrsg jmd jmdn kgl lt lfd max min mind möbl näml österr dt engl franz röm griech lat schweiz
        sen südl nördl östl westl svw tägl urspr verantw vorm wg zul zzt zus mio mrd tsd ggü priv
        gegr frz""",
    numbered="""nr nrn abb abs art bd bde kap tab ziff anm par tel fig vol aufl jan jän feb febr mär
        apr jun jul aug sep sept okt nov dez""",
    inner="""str co corp inc ltd gmbh mbh mfg abt bhf ges hbf plz std wo pl stellv dir mwst ust zit
        u.ä s.o s.u o.ä u.u u.v.m""",
    closing="usw etc uvm usf",
    starters="""der die das den dem des ein eine einen einem einer er sie es ich du wir ihr ihm ihn
        man mein meine dein deine sein seine ihre ihren unser unsere dieser diese dieses diesen
        diesem jener jene wer was wann wo wie warum weshalb wieso woher wohin welche welcher welches
        und aber oder denn doch sondern wenn falls weil obwohl während bevor nachdem seit als ob
        dass da dann danach darum daher deshalb trotzdem jedoch außerdem zudem auch nur noch schon
        jetzt heute gestern morgen hier dort so in im am an auf aus bei beim mit nach von vom vor zu
        zum zur für durch gegen ohne um unter über zwischen kein keine nicht nichts niemand jemand
        jeder jede alle alles viele einige mehrere manche ist sind war waren hat haben hatte wird
        werden kann können soll sollte muss darf ja nein bitte danke""",
    ordinals=True,
)

_ITALIAN = Words(
    leading="""sig sigg sig.ra sig.na dott dott.ssa dr prof prof.ssa avv ing arch geom rag on sen
        col ten mons rev egr gent spett ill san ss dir amm psicol cfr ad es p.es vs ca p.zza v.le
        c.so lgt""",
    numbered="""nn num nr no pp pag pagg art artt cap capp fig figg vol voll tel cell ed tab gen feb
        mar apr mag giu lug ago set sett ott nov dic lun mer gio ven sab dom""",
    inner="spa srl ltd inc co jr max min f.lli",
    closing="ecc etc",
    starters="""il lo la i gli le l un uno una io tu lui lei noi voi loro egli ella esso essa essi
        questo questa questi queste quello quella quelli quelle mio mia tuo tua suo sua nostro
        nostra vostro che chi cosa quando dove come perché quanto quale quali e ma o però se anche
        poi allora quindi inoltre dunque infatti così ora oggi ieri domani qui qua là non sì no in
        nel nella nei nelle a al alla ai alle da dal dalla di del della con per su sul sulla tra fra
        dopo prima mentre durante ogni tutti tutte tutto alcuni molti è sono era erano ha hanno
        aveva c'è ci si mi ti vi grazie buongiorno""",
)

_PORTUGUESE = Words(
    leading="""sr sra srs sras srta dr dra drs dras prof profa profs eng arq adv exmo exma ilmo ilma
        revmo gen cel ten sgt alm dep sen gov pres st sto sta av al pç trav tv rod ex p.ex vs cf
        aprox""",
    numbered="""nº núm num no pp pág págs art arts cap caps fig figs vol vols ed tel ramal jan fev
        mar abr mai jun jul ago set out nov dez ter qua qui sex sáb dom""",
    inner="cia ltda inc corp co jr depto dept máx mín hab",
    closing=f"etc a.m p.m {_UNITS}",
    starters="""o a os as um uma uns umas eu tu ele ela nós vós eles elas você vocês este esta estes
        estas esse essa esses essas isso isto aquele aquela aquilo meu minha teu tua seu sua nosso
        nossa que quem qual quais quando onde como por porque para mas e ou se sim não também além
        então depois antes agora hoje ontem amanhã aqui ali lá há é são era eram foi foram tem têm
        tinha está estão estava em no na nos nas com sem ao à aos às pelo pela embora segundo desde
        até entre sobre todo todos toda todas alguns muitos cada outro outra me te lhe obrigado
        obrigada bom boa olá já mais ninguém nada sempre nunca""",
)

_DUTCH = Words(
    leading="""dhr mevr mw mej dr drs prof ir ing mr ds st jhr em gen kol kap lt sgt bijv bv bvb
        d.w.z i.p.v i.v.m m.b.t t.a.v z.g zgn aanw vnw resp vgl ca o.a incl excl evt afd vs""",
    numbered="""nr nrs blz pp art hfst fig afb vol tel jan feb mrt apr mei jun jul aug sep sept okt
        nov dec ma di wo do vr za zo""",
    inner="co inc ltd max min jr sr str gem ong red uitg",
    closing="enz etc e.d e.a",
    starters="""de het een deze dit die dat er hij zij ze wij we jij je u jullie ik mijn jouw uw
        zijn haar ons onze hun wie wat waar wanneer waarom hoe welke en maar of want dus als indien
        omdat terwijl voordat nadat toen dan daarna daarom toch ook nog nu vandaag gisteren morgen
        hier daar in op aan met voor van naar bij uit door over onder tussen na om te tot zonder
        geen niet niets niemand iedereen alle alles veel sommige is waren was heeft hebben had kan
        kunnen zal moet ja nee dank bedankt volgens sinds tijdens""",
)

_DANISH = Words(
    leading="""hr fr frk dr prof adv ing cand mag st skt gl sml jf jvf f.eks bl.a dvs ca evt inkl
        ekskl vedr pga ang hhv mht pr eks ndr sdr vs""",
    numbered="nr nrn pp art fig kap bd stk tlf jan feb mar apr jun jul aug sep sept okt nov dec",
    inner="co inc ltd max min jr sr kl mio mia kr afd red udg u.s u.k e.u m.fl m.v m.m",
    closing="osv etc",
    starters="""den det de en et der her dette denne disse han hun vi i du jeg man min din sin hans
        hendes vores deres hvad hvem hvor hvornår hvorfor hvordan hvilken og men eller så hvis når
        da fordi mens efter før derefter derfor dog også kun nu dag går på at til fra med af om for
        under over mellem uden ingen intet alle alt mange nogle er var har havde kan skal vil må ja
        nej tak ifølge siden""",
    ordinals=True,
)

_SWEDISH = Words(
    leading="""hr fr frk dr prof doc ing s:t t.ex bl.a dvs d.v.s ca c:a ev inkl exkl resp jfr jmf
        s.k fr.o.m f.d ang fn vs""",
    numbered="nr sid art fig kap bd st tel jan feb mar apr jun jul aug sep sept okt nov dec",
    inner="co inc ltd max min jr sr kl milj kr avd red",
    closing="osv etc m.m m.fl",
    starters="""den det de en ett detta denna dessa han hon vi ni du jag man min din sin hans hennes
        vår deras vad vem var när varför hur vilken och men eller så om då eftersom medan efter före
        sedan därför dock också bara nu idag igår här där i på till från med av för under över
        mellan utan ingen inget alla allt många några är har hade kan ska skall vill måste ja nej
        tack enligt""",
)

_FINNISH = Words(
    leading="hra rva nti tri prof dos ins maist esim ts eli mm ks vrt noin ent vt vs",
    numbered="nro art kuva luku puh klo",
    inner="co inc ltd oy oyj ab max min jr sr milj mrd kpl ao ko",
    closing="jne ym yms ns",
    starters="""hän se he ne me te minä sinä tämä tuo nämä nuo joka mikä kuka missä milloin miksi
        miten mutta ja tai vai jos kun koska vaikka sitten siksi myös vain nyt tänään eilen tässä
        siellä täällä ei on oli ovat olivat kaikki moni kiitos kyllä""",
    ordinals=True,
)

_POLISH = Words(
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

_CZECH = Words(
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

_HUNGARIAN = Words(
    leading="dr prof id ifj özv br gr ún ill pl kb vö szt bp vs ui",
    numbered="sz old fej ábra köt tel jan febr márc ápr máj jún júl aug szept okt nov dec",
    inner="kft bt rt zrt nyrt co inc ltd max min jr ker krt ezr mrd",
    closing="stb",
    starters="""a az egy ez ezek azok ő ők mi ti én te ki hol mikor miért hogyan melyik és de vagy
        ha mert bár aztán ezért azonban is csak most ma tegnap holnap itt ott nem nincs van vannak
        volt voltak lesz minden mindenki senki sok igen köszönöm""",
    ordinals=True,
)

_ROMANIAN = Words(
    leading="""dl dna d-l d-na dr prof ing av arh acad gen col lt cpt sf str bd al pct ex de.ex vs
        cf aprox""",
    numbered="nr art pag pp cap fig vol tel lit alin ian feb mar apr iun iul aug sept oct nov dec",
    inner="co inc ltd s.r.l s.a max min jr sr mil mld jud com",
    closing="etc ş.a șa",
    starters="""un o acest această aceste acești el ea ei ele noi voi eu tu ce cine unde când cum de
        care și dar sau dacă deoarece deși apoi deci însă asemenea doar acum azi ieri mâine aici
        acolo în din la pe cu fără pentru prin după înainte între nu nimic nimeni toți toate mulți
        este sunt era erau a au are fost poate da mulțumesc""",
)

_TURKISH = Words(
    leading="dr prof doç yrd av op uzm sn st hz alb yb bşk örn bkz krş yak gen",
    numbered="no sf cilt md böl şek tel oca şub mar nis may haz tem ağu eyl eki kas ara",
    inner="ltd şti a.ş inc co max min jr cad sok mah apt bul dk sa",
    closing="vb vs vd vdğ",
    starters="""bu şu o bunlar şunlar onlar biz siz ben sen ne kim nerede zaman neden niçin nasıl
        hangi ve ama veya fakat eğer çünkü sonra yüzden ancak ayrıca sadece şimdi bugün dün yarın
        burada orada bir her hiç herkes çok değil evet hayır teşekkürler""",
    ordinals=True,
)

_RUSSIAN = Words(
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

_UKRAINIAN = Words(
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

_BULGARIAN = Words(
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

_GREEK = Words(
    leading="κ κα κος κκ δρ καθ αγ οδ λεωφ πλ π.χ δηλ βλ πρβλ περ",
    numbered="αρ σελ κεφ εικ πιν τόμ τηλ ιαν φεβ μαρ απρ ιουν ιουλ αυγ σεπ οκτ νοε δεκ",
    inner="εκ εκατ δισ χιλ α.ε ο.ε ε.π.ε μ.χ",
    closing="κ.λπ κλπ κ.ά κ.α π.μ μ.μ",
    starters="""ο η το οι τα ένας μια ένα αυτός αυτή αυτό αυτοί εμείς εσείς εγώ εσύ τι ποιος πού
        πότε γιατί πώς και αλλά ή αν όταν επειδή μετά όμως επίσης μόνο τώρα σήμερα χθες αύριο εδώ
        εκεί στο στη στην στον σε με από για δεν όχι ναι όλοι όλα πολλοί είναι ήταν έχει
        ευχαριστώ""",
    complete=True,
)

_CROATIAN = Words(
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

_BALTIC = Words(
    leading="""dr prof doc hr pr inž gyd kun šv a.g t.y pvz vad žr plg akad hab gen kap u.c piem t.i
        sk apm""",
    numbered="nr lk psl pav lent tel lpp att tab nod",
    inner="max min mln mlrd tūkst eur ct val milj k.t inc ltd co a/s",
    closing="pan utt u.tml jne t.t",
    starters="""jis ji jie jos mes jūs aš tu tai šis ši kas kur kada kodėl kaip ir bet ar arba jei
        nes nors po to todėl taip pat tik dabar šiandien vakar rytoj čia ten viņš viņa viņi viņas
        tas tā es ko kad kāpēc kā un vai ja jo tad tāpēc arī tikai tagad šodien rīt šeit tur ta see
        nad me te ma sa mis kes kus millal miks kuidas aga või kui sest siis seetõttu ka ainult nüüd
        täna eile homme siin seal""",
    ordinals=True,
)

_ARABIC = Words(
    leading="ا.د أ.د د.ة هـ",
    numbered="رقم",
    closing="الخ إلخ",
)
_PERSIAN = Words(leading="دکتر مهندس")
_HINDI = Words(
    leading="डॉ डा प्रो श्री श्रीमती कु पं सं एड इंजी स्व वि प्रा सौ",
    numbered="नं पृ क्र फोन",
    inner="रु कि.मी कि.ग्रा लि ई.पू",
)
_ARMENIAN = Words(
    leading="դր պրոֆ ակադ պրն տկն",
    numbered="էջ նկ գլ",
)
_KAZAKH = Words(
    leading="проф акад доц көш даң б.з.б б.з т.ғ.к мыс см обл",
    numbered="бет сур тел",
    inner="млн млрд трлн мың тг жж гг",
    closing="т.б т.с.с",
    starters="бұл ол олар біз сіз мен сен сол осы бірақ және егер сондықтан онда мұнда қазір бүгін",
)
_INDONESIAN = Words(
    leading="dr drs prof ir hj sdr sdri bpk yth jl jln gg kab kec a.n u.p d.a kpd tn ny spt mis",
    numbered="no hlm hal tgl tel telp bab jan feb mar apr jun jul agt ags sep okt nov des",
    inner="pt cv tbk inc ltd co maks min jr",
    closing="dll dsb dst dkk",
    starters="""ini itu dia ia mereka kami kita saya aku anda kamu apa siapa di mana kapan mengapa
        bagaimana dan tetapi tapi atau jika kalau karena meskipun kemudian oleh namun juga hanya
        sekarang hari kemarin besok ada tidak bukan ya semua banyak setiap terima pada dalam dari
        untuk dengan""",
)
_VIETNAMESE = Words(
    leading="ts gs pgs ths bs ks tp vd st",
    numbered="tr số đt",
    closing="v.v",
)

WORDS: Mapping[str, Words] = {
    "en": _ENGLISH,
    "es": _SPANISH,
    "fr": _FRENCH,
    "de": _GERMAN,
    "it": _ITALIAN,
    "pt": _PORTUGUESE,
    "nl": _DUTCH,
    "da": _DANISH,
    "sv": _SWEDISH,
    "fi": _FINNISH,
    "pl": _POLISH,
    "cs": _CZECH,
    "hu": _HUNGARIAN,
    "ro": _ROMANIAN,
    "tr": _TURKISH,
    "ru": _RUSSIAN,
    "uk": _UKRAINIAN,
    "bg": _BULGARIAN,
    "el": _GREEK,
    "hr": _CROATIAN,
    "lt": _BALTIC,
    "ar": _ARABIC,
    "fa": _PERSIAN,
    "hi": _HINDI,
    "hy": _ARMENIAN,
    "kk": _KAZAKH,
    "id": _INDONESIAN,
    "vi": _VIETNAMESE,
    # Their marks mean nothing else.
    **dict.fromkeys(("am", "ja", "ko", "my", "zh"), Words()),
}

# Whose words and habits a language shares that has no list of its own.
RELATIVES: Mapping[str, str] = {
    **dict.fromkeys(("bs", "sh", "sl", "sr"), "hr"),
    **dict.fromkeys(("fo", "is", "nb", "nn", "no"), "da"),
    **dict.fromkeys(("ast", "ca", "eu", "gl"), "es"),
    **dict.fromkeys(("et", "lv"), "lt"),
    **dict.fromkeys(("mr", "ne"), "hi"),
    **{"af": "nl", "az": "tr", "be": "ru", "lb": "de", "mk": "bg", "ms": "id", "oc": "fr"},
    **{"sk": "cs", "ur": "ar"},
}
