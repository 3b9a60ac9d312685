"""The words of Romance languages."""

from __future__ import annotations

from pyattn.text.abbreviations.words import Words

_UNITS = "km kg cm mm ml min seg hrs hs"

SPANISH = Words(
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

FRENCH = Words(
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

ITALIAN = Words(
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

PORTUGUESE = Words(
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

ROMANIAN = Words(
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
