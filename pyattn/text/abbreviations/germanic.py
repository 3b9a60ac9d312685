"""The words of Germanic languages."""

from __future__ import annotations

from pyattn.text.abbreviations.words import Words

ENGLISH = Words(
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

GERMAN = Words(
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

DUTCH = Words(
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

DANISH = Words(
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

SWEDISH = Words(
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
